import { Link } from '@tanstack/react-router';

import type { Queue } from '../../api/queues';
import { Empty } from '../../design/Empty';
import { Status } from '../../design/Status';
import { rowLink, type Column } from '../../design/Table';
import { Length } from '../../design/Time';
import { count, figure, lengthOf } from '../../design/words';

/** How long half of them took, and 95 and 99 of 100. */
export function percentiles(times: Queue['wait']): string | undefined {
  return times == null ? undefined : [times.p50_s, times.p95_s, times.p99_s].map(lengthOf).join(' · ');
}

/** How a queue stands. */
export function QueueStatus({ state }: Pick<Queue, 'state'>) {
  // `open` is what a question is that nobody has answered.
  return state === 'open' ? <Status status="serving" word="open" /> : <Status status={state} />;
}

const COLUMNS: readonly Column<Queue>[] = [
  {
    key: 'name',
    label: 'Queue',
    main: true,
    cell: (queue) => (
      <>
        <Link to="/queues/$name" params={{ name: queue.name }} {...rowLink}>
          {queue.name}
        </Link>
        {queue.wait_detail != null && (
          <span className="why" data-tone={queue.wait_reason === 'NoWorkerForQueue' ? 'bad' : 'warn'}>
            {queue.wait_detail}
          </span>
        )}
      </>
    ),
  },
  { key: 'state', label: 'Status', bare: true, cell: (queue) => <QueueStatus state={queue.state} /> },
  { key: 'running', label: 'Running', number: true, cell: (queue) => figure(queue.in_flight) },
  { key: 'depth', label: 'Waiting', number: true, cell: (queue) => figure(queue.depth) },
  { key: 'oldest', label: 'Oldest', number: true, cell: (queue) => <Length seconds={queue.oldest_age_s} /> },
  { key: 'blocked', label: 'Blocked', number: true, cell: (queue) => figure(queue.blocked) },
  {
    key: 'ended',
    label: 'Ended/min',
    number: true,
    cell: (queue) => (
      <>
        {figure(queue.finished_per_minute, 1)}
        {queue.failed_per_minute > 0 && <span className="cell-2">{figure(queue.failed_per_minute, 1)} failed</span>}
      </>
    ),
  },
  {
    key: 'times',
    label: 'p50 · p95 · p99',
    number: true,
    wide: true,
    cell: (queue) => (
      <>
        <span className="quiet">waits</span> {percentiles(queue.wait) ?? '–'}
        <span className="cell-2">takes {percentiles(queue.run) ?? '–'}</span>
      </>
    ),
  },
  {
    key: 'slots',
    label: 'Slots',
    number: true,
    cell: (queue) => (
      <>
        {figure(queue.slots)}
        <span className="cell-2">on {count(queue.workers, 'worker')}</span>
      </>
    ),
  },
];

/** A table of queues, but for its rows. */
export const QUEUES = {
  caption: 'Queues',
  rowKey: (queue: Queue) => queue.name,
  tone: (queue: Queue) => (queue.workers === 0 && queue.demand > 0 ? 'bad' : undefined),
  columns: COLUMNS,
} as const;

export function NoQueues() {
  return (
    <Empty title="There is no queue yet" command="slipway-worker --help">
      A queue is there as soon as a worker serves it, or a run goes through it.
    </Empty>
  );
}
