import { useNow } from '../../design/clock';
import { StatusShape } from '../../design/Status';
import { lengthOf } from '../../design/words';
import { over, type RunDetail } from '../../api/runs';
import { drawn, rowsOf, scaleOf, type Doing, type Row, type Scale } from './timeline';
import './timeline.css';

const DOING: Record<Doing, string> = {
  waiting: 'waiting',
  queued: 'queued',
  pulling: 'pulling',
  running: 'running',
  retrying: 'between tries',
  suspended: 'suspended',
};

/** Rows that are drawn at once. */
const MOST = 60;

/** What happened when: the run as a whole, then each step, on one line of time. */
export function Timeline({
  run,
  selected,
  onSelect,
}: {
  run: RunDetail;
  selected: string | undefined;
  onSelect: (step: string) => void;
}) {
  return over(run) ? (
    <Drawing run={run} now={Date.parse(run.finished_at ?? run.created_at)} selected={selected} onSelect={onSelect} />
  ) : (
    <Moving run={run} selected={selected} onSelect={onSelect} />
  );
}

function Moving(props: Omit<Parameters<typeof Drawing>[0], 'now'>) {
  return <Drawing {...props} now={useNow()} />;
}

function Drawing({
  run,
  now,
  selected,
  onSelect,
}: {
  run: RunDetail;
  now: number;
  selected: string | undefined;
  onSelect: (step: string) => void;
}) {
  const { rows, left } = drawn(rowsOf(run, now), MOST);
  const scale = scaleOf(rows);
  const kinds = new Set(rows.flatMap((row) => row.stretches.map((stretch) => stretch.doing)));
  return (
    <div className="timeline">
      <ol className="timeline-rows">
        {rows.map((row) => (
          <li
            key={row.step ?? ''}
            className="timeline-row"
            data-selected={row.step === selected && selected !== undefined}
          >
            <span className="timeline-name">
              {row.step === undefined ? (
                <strong>The run</strong>
              ) : (
                <button type="button" className="link" onClick={() => onSelect(row.step ?? '')}>
                  <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
                    <StatusShape status={row.status} />
                  </svg>
                  {row.step}
                </button>
              )}
            </span>
            <Track row={row} scale={scale} />
            <span className="timeline-length number">{lengthOf(worked(row) / 1000)}</span>
          </li>
        ))}
      </ol>
      <footer className="timeline-foot">
        <ul className="timeline-legend">
          {(Object.keys(DOING) as Doing[])
            .filter((doing) => kinds.has(doing))
            .map((doing) => (
              <li key={doing}>
                <i data-doing={doing} aria-hidden="true" /> {DOING[doing]}
              </li>
            ))}
          {rows.some((row) => row.stretches.some((it) => it.end === 'failed' || it.end === 'lost')) && (
            <li>
              <i data-doing="running" data-end="failed" aria-hidden="true" /> a try that failed
            </li>
          )}
          {scale.gaps.length > 0 && (
            <li>
              <i className="timeline-key-gap" aria-hidden="true" /> time drawn short
            </li>
          )}
        </ul>
        <span className="quiet">
          {left > 0 && `The ${String(MOST)} longest steps; ${String(left)} shorter ones are in the table. `}
          <span className="number">{lengthOf((scale.to - scale.from) / 1000)}</span> in all
        </span>
      </footer>
    </div>
  );
}

function worked(row: Row): number {
  // Of the run as a whole its age counts; of a step what it was busy with.
  const [first, last] = [row.stretches[0], row.stretches.at(-1)];
  return first === undefined || last === undefined ? 0 : last.to - first.from;
}

function Track({ row, scale }: { row: Row; scale: Scale }) {
  const percent = (part: number) => `${(part * 100).toFixed(3)}%`;
  return (
    <span className="timeline-track">
      {row.stretches.map((stretch) => {
        const [from, to] = [scale.place(stretch.from), scale.place(stretch.to)];
        const ended = stretch.end === undefined || stretch.end === 'completed' ? '' : `, ${stretch.end}`;
        const said = `${DOING[stretch.doing]} ${lengthOf((stretch.to - stretch.from) / 1000)}${ended}`;
        return (
          <span
            key={`${stretch.doing} ${String(stretch.from)}`}
            className="timeline-bar"
            data-doing={stretch.doing}
            data-end={stretch.end}
            title={said}
            style={{ left: percent(from), width: percent(to - from) }}
          >
            <span className="unseen">{said}.</span>
          </span>
        );
      })}
      {scale.gaps.map((gap) => {
        const middle = (scale.place(gap.from) + scale.place(gap.to)) / 2;
        return (
          <span
            key={gap.from}
            className="timeline-gap"
            title={`${lengthOf((gap.to - gap.from) / 1000)}, drawn short`}
            style={{ left: percent(middle) }}
          />
        );
      })}
    </span>
  );
}
