import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import {
  applicationList,
  type Application,
  type ApplicationFilter,
  type APPLICATION_FILTERS,
} from '../../api/applications';
import { Empty, NoneLikeThat } from '../../design/Empty';
import { FilterBar, type Filter } from '../../design/FilterBar';
import { Page, Section } from '../../design/Page';
import { Status } from '../../design/Status';
import { PagedTable, rowLink, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { count } from '../../design/words';
import { useLive } from '../../live/live';

const FILTERS: readonly Filter<(typeof APPLICATION_FILTERS)[number]>[] = [
  { name: 'team', label: 'Team' },
  { name: 'labels', label: 'Labels', placeholder: 'tier=web' },
  { name: 'deleted', label: 'Deleted ones', none: 'are left out', options: [['true', 'are shown too']] },
];

const COLUMNS: readonly Column<Application>[] = [
  { key: 'status', label: 'Status', bare: true, cell: (it) => <Status status={it.status} /> },
  {
    key: 'name',
    label: 'Application',
    main: true,
    cell: (it) => (
      <>
        <Link to="/applications/$name" params={{ name: it.name }} {...rowLink}>
          {it.name}
        </Link>
        {it.protected && <span className="quiet"> protected</span>}
      </>
    ),
  },
  { key: 'team', label: 'Team', cell: (it) => it.team },
  {
    key: 'resources',
    label: 'Resources',
    cell: (it) => (
      <span className="number">
        {it.resources === 0 ? (
          <span className="quiet">none</span>
        ) : (
          `${String(it.active)} of ${String(it.resources)} active`
        )}
        {it.failed > 0 && (
          <span className="why" data-tone="bad">
            {count(it.failed, 'has failed', 'have failed')}
          </span>
        )}
      </span>
    ),
  },
  { key: 'generation', label: 'Generation', number: true, cell: (it) => it.generation },
  {
    key: 'ends',
    label: 'Ends',
    number: true,
    cell: (it) => (it.expires_at == null || it.deleted_at != null ? null : <Time at={it.expires_at} />),
  },
  { key: 'changed', label: 'Changed', number: true, cell: (it) => <Time at={it.updated_at} /> },
];

const route = getRouteApi('/applications');

/** Applications, newest first. */
export function ApplicationsPage() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...applicationList(filter), ...useLive(5) });
  return (
    <Page
      title="Applications"
      actions={
        <Link to="/submit" className="button" data-kind="primary">
          Submit a Score file
        </Link>
      }
    >
      <Section title="Newest first" flush bare>
        <FilterBar filters={FILTERS} values={filter} onChange={(search) => void navigate({ search })} />
        <PagedTable
          query={query}
          what="applications"
          caption="Applications, newest first"
          columns={COLUMNS}
          rowKey={(it) => it.id}
          tone={(it) => (it.status === 'failed' ? 'bad' : undefined)}
          empty={<NoApplications filter={filter} onClear={() => void navigate({ search: {} })} />}
        />
      </Section>
    </Page>
  );
}

function NoApplications({ filter, onClear }: { filter: ApplicationFilter; onClear: () => void }) {
  if (Object.keys(filter).some((name) => name !== 'deleted')) {
    return <NoneLikeThat what="application" command="slipway list" onClear={onClear} />;
  }
  return (
    <Empty title="There are no applications yet" command="slipway deploy score.yaml">
      A Score file says what an application needs. Submit one here, or from a terminal:
    </Empty>
  );
}
