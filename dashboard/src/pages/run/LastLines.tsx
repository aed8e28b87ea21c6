import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { lastStepLines, type LogLine } from '../../api/logs';
import { Loaded } from '../../design/Loaded';
import { useLive } from '../../live/live';
import { plainText } from '../../logs/Row';

/** The last lines that a step printed; of one that runs, as they come. */
export function LastLines({
  run,
  step,
  attempt,
  most = 20,
  moving,
}: {
  run: string;
  step: string;
  attempt?: number | undefined;
  most?: number;
  /** Whether more may come. */
  moving: boolean;
}) {
  // Lines are no events.
  const live = useLive(3, 'time');
  const query = useQuery({ ...lastStepLines(run, step, attempt, most), ...(moving ? live : { staleTime: 30_000 }) });
  return (
    <Loaded query={query} what="the last lines of the log" lines={4}>
      {(lines) => <Lines run={run} step={step} lines={lines} />}
    </Loaded>
  );
}

function Lines({ run, step, lines }: { run: string; step: string; lines: readonly LogLine[] }) {
  return (
    <figure className="last-lines">
      <figcaption>
        <span>{lines.length === 0 ? 'It has printed nothing' : `Last ${String(lines.length)} lines`}</span>
        <Link to="/runs/$id/logs" params={{ id: run }} search={{ step }}>
          Whole log
        </Link>
      </figcaption>
      {lines.length > 0 && (
        <pre ref={toEnd} tabIndex={0} role="group" aria-label={`Last lines of ${step}`}>
          {lines.map(plainText).join('\n')}
        </pre>
      )}
    </figure>
  );
}

/** The end is what one looks for. */
function toEnd(box: HTMLElement | null): void {
  if (box !== null) box.scrollTop = box.scrollHeight;
}
