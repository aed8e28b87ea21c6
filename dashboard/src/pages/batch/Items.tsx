import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { batchItems, type BatchDetail, type BatchItem } from '../../api/batches';
import { NoneLikeThat } from '../../design/Empty';
import { FilterBar } from '../../design/FilterBar';
import { Section } from '../../design/Page';
import { Status } from '../../design/Status';
import { PagedTable, rowLink, type Column } from '../../design/Table';
import { Lasted } from '../../design/Time';
import { useLive } from '../../live/live';

const STATUSES = ['open', 'running', 'succeeded', 'failed', 'skipped'];

const COLUMNS: readonly Column<BatchItem>[] = [
  { key: 'status', label: 'Status', bare: true, cell: (it) => <ItemStatus item={it} /> },
  {
    key: 'resource',
    label: 'Resource',
    main: true,
    cell: (it) => (
      <>
        <Link to="/resources/$id" params={{ id: it.resource_id }} {...rowLink}>
          {it.resource ?? it.resource_id}
        </Link>
        <span className="cell-2">{[it.application, it.type, it.environment].filter(Boolean).join(', ')}</span>
        {it.detail != null && (
          <span className="why" data-tone={it.status === 'failed' ? 'bad' : 'idle'}>
            {it.detail}
          </span>
        )}
      </>
    ),
  },
  { key: 'wave', label: 'Wave', number: true, cell: (it) => it.wave },
  { key: 'team', label: 'Team', cell: (it) => it.team, wide: true },
  {
    key: 'version',
    label: 'Version',
    cell: (it) =>
      it.from_version === it.to_version ? it.to_version : `${it.from_version ?? '–'} → ${it.to_version ?? '–'}`,
  },
  {
    key: 'changes',
    label: 'Params',
    wide: true,
    cell: (it) =>
      it.changes.map(({ path, before, after }) => (
        <span key={path} className="cell-2">
          {path.slice(1)}: {valued(before)} → {valued(after)}
        </span>
      )),
  },
  {
    key: 'run',
    label: 'Run',
    cell: (it) => (
      <>
        <RunLink id={it.run_id} word="Its run" />
        <RunLink id={it.undo_run_id} word="Its way back" />
      </>
    ),
  },
  {
    key: 'took',
    label: 'Took',
    number: true,
    cell: (it) => (it.run_id == null ? null : <Lasted from={it.started_at} to={it.finished_at} />),
  },
];

function valued(value: unknown): string {
  return value == null ? 'nothing' : JSON.stringify(value);
}

function ItemStatus({ item: { status, undo } }: { item: BatchItem }) {
  const known = { open: 'pending', succeeded: 'completed' }[status] ?? status;
  return (
    <>
      <Status status={known} word={status} />
      {undo != null && <span className="cell-2">way back: {undo}</span>}
    </>
  );
}

function RunLink({ id, word }: { id: string | null | undefined; word: string }) {
  if (id == null) return null;
  return (
    <Link to="/runs/$id" params={{ id }}>
      {word}
    </Link>
  );
}

const route = getRouteApi('/batches/$id');

/** The resources of a batch, in the order in which it comes to them. */
export function Items({ batch: { id, stages } }: { batch: BatchDetail }) {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...batchItems(id, filter), ...useLive(3) });
  return (
    <Section title="Its resources" flush>
      <FilterBar
        filters={[
          { name: 'status', label: 'Status', options: STATUSES.map((status) => [status, status] as const) },
          {
            name: 'wave',
            label: 'Wave',
            options: stages.map(({ number }) => [String(number), `wave ${String(number)}`] as const),
          },
        ]}
        values={filter}
        onChange={(search) => void navigate({ search, resetScroll: false })}
      />
      <PagedTable
        query={query}
        what="resources"
        caption="Resources of the batch, in its order"
        columns={COLUMNS}
        rowKey={(it) => String(it.position)}
        tone={(it) => (it.status === 'failed' ? 'bad' : undefined)}
        empty={
          <NoneLikeThat
            what="resource"
            command={`slipway batch items ${id}`}
            onClear={() => void navigate({ search: {}, resetScroll: false })}
          />
        }
      />
    </Section>
  );
}
