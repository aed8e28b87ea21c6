import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';

import { resourceList, type RESOURCE_FILTERS, type ResourceFilter } from '../../api/resources';
import { Empty, NoneLikeThat } from '../../design/Empty';
import { FilterBar, type Filter } from '../../design/FilterBar';
import { Page, Section } from '../../design/Page';
import { PagedTable } from '../../design/Table';
import { useLive } from '../../live/live';
import { RESOURCE_COLUMNS } from './columns';

const STATES = [
  'requested',
  'provisioning',
  'active',
  'updating',
  'degraded',
  'failed',
  'terminating',
  'terminated',
] as const;

const FILTERS: readonly Filter<(typeof RESOURCE_FILTERS)[number]>[] = [
  { name: 'name', label: 'Name begins with', placeholder: 'orders-' },
  { name: 'state', label: 'State', options: STATES.map((state) => [state, state] as const) },
  { name: 'type', label: 'Type', placeholder: 'postgres' },
  { name: 'application', label: 'Application' },
  { name: 'provider', label: 'Provider', placeholder: 'postgres' },
  { name: 'labels', label: 'Labels', placeholder: 'tier=data,!legacy', rare: true },
];

const route = getRouteApi('/resources');

/** Resources, newest first. */
export function ResourcesPage() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...resourceList(filter), ...useLive(5) });
  return (
    <Page title="Resources">
      <Section title="Newest first" flush bare>
        <FilterBar filters={FILTERS} values={filter} onChange={(search) => void navigate({ search })} />
        <PagedTable
          query={query}
          what="resources"
          caption="Resources, newest first"
          columns={RESOURCE_COLUMNS}
          rowKey={(it) => it.id}
          tone={(it) => (it.state === 'failed' ? 'bad' : undefined)}
          empty={<NoResources filter={filter} onClear={() => void navigate({ search: {} })} />}
        />
      </Section>
    </Page>
  );
}

function NoResources({ filter, onClear }: { filter: ResourceFilter; onClear: () => void }) {
  if (Object.keys(filter).length > 0) {
    return (
      <NoneLikeThat what="resource" command="slipway resource list" onClear={onClear}>
        Take a filter away, or all of them. Those that are gone are listed by the state “terminated”. In a terminal:
      </NoneLikeThat>
    );
  }
  return (
    <Empty title="There are no resources yet" command="slipway deploy score.yaml">
      A resource is what an application needs and a provider makes: a database, a bucket, a queue.
    </Empty>
  );
}
