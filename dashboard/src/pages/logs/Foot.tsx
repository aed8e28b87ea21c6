import { count } from '../../design/words';
import type { TailState } from '../../logs/tail';
import type { Log } from '../../logs/useLog';

const TAILS: Record<TailState, string> = {
  resting: 'connecting',
  open: 'lines come as they are written',
  lost: 'the connection broke; trying again from the last line',
  asking: 'lines are asked for every two seconds: no WebSocket can be had',
  over: 'the log is complete',
};

/** How long it is, and whether more comes. */
export function Foot({ log }: { log: Log }) {
  const { standing, tail, groups } = log;
  return (
    <div className="log-foot" role="status">
      <span className="number" data-tail={tail}>
        {count(standing.rows, 'line')}; {TAILS[tail]}
      </span>
      {groups !== undefined && groups.length > 0 && <span>{count(groups.length, 'group')}</span>}
    </div>
  );
}
