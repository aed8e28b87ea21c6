import { Link } from '@tanstack/react-router';

import type { Run } from '../../api/runs';
import { Status } from '../../design/Status';
import { rowLink, type Column } from '../../design/Table';
import { Lasted, Time } from '../../design/Time';
import { reasonOf } from '../run/reason';

/** How runs are listed, here and wherever else some are. */
export const RUN_COLUMNS: readonly Column<Run>[] = [
  {
    key: 'status',
    label: 'Status',
    bare: true,
    cell: (run) => (
      <Status status={run.cancel_requested_at != null && run.finished_at == null ? 'cancelling' : run.status} />
    ),
  },
  {
    key: 'workflow',
    label: 'Run',
    main: true,
    cell: (run) => (
      <>
        <Link to="/runs/$id" params={{ id: run.id }} {...rowLink}>
          {run.workflow}
        </Link>
        <span className="quiet"> {run.operation}</span>
        <Why run={run} />
      </>
    ),
  },
  {
    key: 'for',
    label: 'For',
    cell: (run) => (
      <>
        {run.application}
        {run.resource != null && <span className="cell-2">{run.resource}</span>}
      </>
    ),
  },
  {
    key: 'provider',
    label: 'Provider',
    wide: true,
    cell: (run) => (
      <span className="whole">
        {run.provider} <span className="quiet number">{run.provider_version}</span>
      </span>
    ),
  },
  {
    key: 'team',
    label: 'Team',
    wide: true,
    cell: (run) => (
      <>
        {run.team}
        {run.queue !== 'default' && <span className="cell-2">queue {run.queue}</span>}
      </>
    ),
  },
  { key: 'made', label: 'Made', cell: (run) => <Time at={run.created_at} />, number: true },
  {
    key: 'took',
    label: 'Took',
    number: true,
    cell: (run) => <Lasted from={run.started_at} to={run.finished_at} />,
  },
];

/** Why it failed, or does not go on: what one would open the run for. */
function Why({ run }: { run: Run }) {
  const reason = reasonOf(run);
  if (reason === undefined) return null;
  return (
    <span className="why" data-tone={reason.tone} title={reason.text}>
      {reason.text}
    </span>
  );
}
