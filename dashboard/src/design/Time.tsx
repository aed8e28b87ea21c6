import { useNow } from './clock';
import { usePreferences } from './preferences';
import { exact, lengthOf, relative } from './words';

/** A time from now, with the exact one on hover. */
export function Time({ at }: { at: string | null | undefined }) {
  const now = useNow();
  const { zone } = usePreferences();
  if (at == null) return <span className="quiet">—</span>;
  const time = Date.parse(at);
  return (
    <time dateTime={at} title={exact(time, zone)} className="number">
      {relative(time, now)}
    </time>
  );
}

/** The exact time, by the clock that was chosen. */
export function ExactTime({ at }: { at: string | null | undefined }) {
  const { zone } = usePreferences();
  const now = useNow();
  if (at == null) return <span className="quiet">—</span>;
  const time = Date.parse(at);
  return (
    <time dateTime={at} title={relative(time, now)} className="number">
      {exact(time, zone)}
    </time>
  );
}

/** How long something took, or takes while it has no end. */
export function Lasted({ from, to }: { from: string | null | undefined; to?: string | null | undefined }) {
  if (from == null) return <span className="quiet">—</span>;
  if (to == null) return <Lasting from={from} />;
  return <span className="number">{lengthOf((Date.parse(to) - Date.parse(from)) / 1000)}</span>;
}

function Lasting({ from }: { from: string }) {
  const now = useNow();
  return <span className="number">{lengthOf(Math.floor((now - Date.parse(from)) / 1000))}</span>;
}

/** A length of time. */
export function Length({ seconds }: { seconds: number | null | undefined }) {
  if (seconds == null) return <span className="quiet">—</span>;
  return <span className="number">{lengthOf(seconds)}</span>;
}
