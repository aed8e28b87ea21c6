import { Link } from '@tanstack/react-router';

import { standing, type Worker } from '../../api/workers';
import { Empty } from '../../design/Empty';
import { Status } from '../../design/Status';
import { rowLink, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { count, figure } from '../../design/words';
import { weaknesses } from './posture';

/** How workers are listed. */
export const WORKER_COLUMNS: readonly Column<Worker>[] = [
  {
    key: 'name',
    label: 'Worker',
    main: true,
    cell: (worker) => (
      <>
        <Link to="/workers" search={(before) => ({ ...before, worker: worker.id })} {...rowLink}>
          {worker.name}
        </Link>
        {worker.host !== worker.name && <span className="cell-2">{worker.host}</span>}
        {worker.asked_why != null && (
          <span className="why" data-tone="warn">
            {worker.asked_why}
          </span>
        )}
      </>
    ),
  },
  { key: 'state', label: 'Status', bare: true, cell: (worker) => <Status status={standing(worker)} /> },
  {
    key: 'slots',
    label: 'Running',
    number: true,
    cell: (worker) => `${figure(worker.running)} of ${figure(worker.slots)}`,
  },
  { key: 'queues', label: 'Queues', cell: (worker) => worker.queues.join(', ') },
  { key: 'version', label: 'Version', cell: (worker) => worker.version },
  {
    key: 'posture',
    label: 'Isolation',
    wide: true,
    cell: (worker) => {
      const weak = weaknesses(worker.posture).length;
      if (weak === 0) return <span className="quiet">as it should be</span>;
      return <Status status="weak" word={count(weak, 'weakness', 'weaknesses')} />;
    },
  },
  { key: 'heard', label: 'Heard of', number: true, cell: (worker) => <Time at={worker.heartbeat_at} /> },
];

/** What to do when there is none. */
export function NoWorkers() {
  return (
    <Empty title="No worker is there" command="slipway doctor">
      Runs wait until a worker serves their queue.
    </Empty>
  );
}
