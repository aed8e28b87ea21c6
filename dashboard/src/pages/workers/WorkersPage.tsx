import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';

import { workerList } from '../../api/workers';
import { FilterBar } from '../../design/FilterBar';
import { Page, Section } from '../../design/Page';
import { PagedTable } from '../../design/Table';
import { useLive } from '../../live/live';
import { Opened } from './Opened';
import { NoWorkers, WORKER_COLUMNS } from './WorkerTable';

const route = getRouteApi('/workers');

/** Who serves the queues. */
export function WorkersPage() {
  const { worker, ...filter } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...workerList(filter.stopped === 'true'), ...useLive(3) });
  return (
    <Page title="Workers">
      <Section title="Those that started last, first" flush bare>
        <FilterBar
          filters={[
            {
              name: 'stopped',
              label: 'Stopped ones',
              options: [['true', 'are shown too']],
              none: 'are left out',
            },
          ]}
          values={filter}
          onChange={(search) => void navigate({ search })}
        />
        <PagedTable
          query={query}
          what="workers"
          caption="Workers, those that started last first"
          columns={WORKER_COLUMNS}
          rowKey={(it) => it.id}
          tone={(it) => (it.live || it.state === 'stopped' ? undefined : 'bad')}
          empty={<NoWorkers />}
        />
        {worker !== undefined && (
          <Opened key={worker} id={worker} onClose={() => void navigate({ search: filter, resetScroll: false })} />
        )}
      </Section>
    </Page>
  );
}
