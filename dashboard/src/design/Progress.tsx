import type { Tone } from './Status';
import './progress.css';

/** How far something is, by parts that each have a colour; `label` says it in words. */
export function Progress({
  label,
  total,
  parts,
}: {
  label: string;
  total: number;
  parts: readonly (readonly [tone: Tone, number: number])[];
}) {
  const done = parts.reduce((sum, [, number]) => sum + number, 0);
  return (
    <div className="progress">
      <div
        className="progress-bar"
        role="progressbar"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={total}
        aria-valuenow={done}
      >
        {parts.map(([tone, number]) => (
          <span key={tone} data-tone={tone} style={{ width: `${String((100 * number) / Math.max(1, total))}%` }} />
        ))}
      </div>
      <span className="number">{label}</span>
    </div>
  );
}
