import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';

import { runList, type RunFilter, type RUN_FILTERS } from '../../api/runs';
import { Empty, NoneLikeThat } from '../../design/Empty';
import { FilterBar, type Filter } from '../../design/FilterBar';
import { Page, Section } from '../../design/Page';
import { PagedTable } from '../../design/Table';
import { useLive } from '../../live/live';
import { RUN_COLUMNS } from './columns';
import { Everything, Going } from './Everything';
import { Views } from './Views';

type Name = (typeof RUN_FILTERS)[number];

const words = (...values: string[]) => values.map((value) => [value, value.replaceAll('_', ' ')] as const);

const FILTERS: readonly Filter<Name>[] = [
  {
    name: 'status',
    label: 'Status',
    options: words('pending', 'queued', 'running', 'suspended', 'completed', 'failed', 'cancelled'),
  },
  { name: 'application', label: 'Application' },
  { name: 'workflow', label: 'Workflow' },
  { name: 'provider', label: 'Provider', rare: true },
  { name: 'queue', label: 'Queue' },
  { name: 'team', label: 'Team' },
  { name: 'kind', label: 'Kind', rare: true, options: words('resource', 'golden_path', 'child', 'preview') },
  {
    name: 'operation',
    label: 'Operation',
    rare: true,
    options: words('create', 'read', 'update', 'delete', 'execute'),
  },
  { name: 'resource', label: 'Resource id', rare: true },
  { name: 'parent', label: 'Started by run', rare: true },
  { name: 'requested_by', label: 'Asked for by', rare: true },
  { name: 'error_code', label: 'Failed with', placeholder: 'TimedOut', rare: true },
  { name: 'since', label: 'Made from', placeholder: '2026-11-21T00:00:00Z', rare: true },
  { name: 'until', label: 'Made before', placeholder: '2026-11-22T00:00:00Z', rare: true },
  { name: 'prefix', label: 'Begins with', placeholder: 'an id, or a name', rare: true },
];

const route = getRouteApi('/runs');

/** Runs, newest first. */
export function RunsPage() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...runList(filter), ...useLive(3) });
  return (
    <Page
      title="Runs"
      actions={
        <>
          <Views filter={filter} onOpen={(search) => void navigate({ search })} />
          <Everything filter={filter} />
        </>
      }
    >
      <Going />
      <Section title="Newest first" flush bare>
        <FilterBar filters={FILTERS} values={filter} onChange={(search) => void navigate({ search })} />
        <PagedTable
          query={query}
          what="runs"
          caption="Runs, newest first"
          columns={RUN_COLUMNS}
          rowKey={(run) => run.id}
          tone={(run) => (run.status === 'failed' ? 'bad' : undefined)}
          empty={<NoRuns filter={filter} onClear={() => void navigate({ search: {} })} />}
        />
      </Section>
    </Page>
  );
}

function NoRuns({ filter, onClear }: { filter: RunFilter; onClear: () => void }) {
  if (Object.keys(filter).length > 0) {
    return <NoneLikeThat what="run" command="slipway workflow list" onClear={onClear} />;
  }
  return (
    <Empty title="Nothing has run yet" command="slipway deploy score.yaml">
      A run is made when an application asks for a resource, or somebody starts a golden path.
    </Empty>
  );
}
