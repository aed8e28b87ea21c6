import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';

import { batchList, type Batch } from '../../api/batches';
import { useMay } from '../../api/may';
import { Button } from '../../design/Button';
import { Empty, NoneLikeThat } from '../../design/Empty';
import { FilterBar } from '../../design/FilterBar';
import { Page, Section } from '../../design/Page';
import { Progress } from '../../design/Progress';
import { Status } from '../../design/Status';
import { PagedTable, rowLink, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { figure } from '../../design/words';
import { useLive } from '../../live/live';
import { NewBatch } from './NewBatch';
import { partsOf } from './parts';

const STATUSES = [
  'awaiting_approval',
  'approval_void',
  'running',
  'paused',
  'stopped',
  'aborted',
  'completed',
  'rolling_back',
  'rolled_back',
];

const COLUMNS: readonly Column<Batch>[] = [
  { key: 'status', label: 'Status', bare: true, cell: (it) => <Status status={it.status} /> },
  {
    key: 'name',
    label: 'Batch',
    main: true,
    cell: (it) => (
      <>
        <Link to="/batches/$id" params={{ id: it.id }} {...rowLink}>
          {it.name}
        </Link>
        <span className="cell-2">{it.select}</span>
        {it.detail !== '' && it.status !== 'completed' && (
          <span className="why" data-tone={it.status === 'stopped' ? 'bad' : 'warn'}>
            {it.detail}
          </span>
        )}
      </>
    ),
  },
  {
    key: 'progress',
    label: 'Progress',
    cell: (it) => (
      <Progress
        label={`${figure(it.succeeded + it.failed + it.skipped)} of ${figure(it.total)}`}
        total={it.total}
        parts={partsOf(it)}
      />
    ),
  },
  { key: 'failed', label: 'Failed', number: true, cell: (it) => figure(it.failed) },
  { key: 'teams', label: 'Teams', cell: (it) => it.teams.join(', '), wide: true },
  { key: 'by', label: 'Asked for by', cell: (it) => it.requested_by, wide: true },
  { key: 'made', label: 'Made', number: true, cell: (it) => <Time at={it.created_at} /> },
];

const route = getRouteApi('/batches');

/** Operations on very many resources. */
export function BatchesPage() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...batchList(filter), ...useLive(3) });
  const may = useMay('batch.create');
  const [asking, setAsking] = useState(false);
  return (
    <Page
      title="Batches"
      actions={
        <Button kind="primary" {...may} onClick={() => setAsking(true)}>
          New batch…
        </Button>
      }
    >
      <Section title="Newest first" flush bare>
        <FilterBar
          filters={[
            {
              name: 'status',
              label: 'Status',
              options: STATUSES.map((status) => [status, status.replaceAll('_', ' ')] as const),
            },
          ]}
          values={filter}
          onChange={(search) => void navigate({ search })}
        />
        <PagedTable
          query={query}
          what="batches"
          caption="Batches, newest first"
          columns={COLUMNS}
          rowKey={(it) => it.id}
          tone={(it) => (it.status === 'stopped' ? 'bad' : undefined)}
          empty={
            filter.status === undefined ? (
              <Empty
                title="There are no batches yet"
                command="slipway batch create --select type=postgres --operation read --dry-run"
              >
                A batch does one thing to very many resources, in waves, and stops by itself when it goes wrong. What it
                would do:
              </Empty>
            ) : (
              <NoneLikeThat what="batch" command="slipway batch list" onClear={() => void navigate({ search: {} })} />
            )
          }
        />
      </Section>
      {asking && <NewBatch onClose={() => setAsking(false)} />}
    </Page>
  );
}
