import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { providers } from '../../api/providers';
import { Empty, NoneLikeThat } from '../../design/Empty';
import { FilterBar } from '../../design/FilterBar';
import { Loaded } from '../../design/Loaded';
import { Page, Section } from '../../design/Page';
import { rowLink, Table, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { useLive } from '../../live/live';
import { byName, holdsWords, type Named } from './byName';
import { Reload } from './Reload';
import { Sources } from './Sources';

const COLUMNS: readonly Column<Named>[] = [
  {
    key: 'name',
    label: 'Provider',
    main: true,
    cell: ({ serving }) => (
      <>
        <Link to="/providers/$name" params={{ name: serving.name }} {...rowLink}>
          {serving.name}
        </Link>
        <span className="cell-2">{serving.description}</span>
        {serving.warnings.length > 0 && (
          <span className="why" data-tone="warn">
            {serving.warnings[0]}
          </span>
        )}
      </>
    ),
  },
  {
    key: 'version',
    label: 'Version',
    cell: ({ serving, others }) => (
      <span className="number whole">
        {serving.version}
        {others.length > 0 && <span className="cell-2">also {others.map((it) => it.version).join(', ')}</span>}
      </span>
    ),
  },
  { key: 'types', label: 'Resource types', cell: ({ serving }) => <Several texts={serving.resource_types} /> },
  { key: 'steps', label: 'Step types', cell: ({ serving }) => <Several texts={serving.step_types} />, wide: true },
  { key: 'workflows', label: 'Workflows', cell: ({ serving }) => serving.workflows, number: true },
  {
    key: 'from',
    label: 'From',
    cell: ({ serving }) => serving.source ?? <span className="quiet whole">a folder</span>,
    wide: true,
  },
  { key: 'loaded', label: 'Loaded', cell: ({ serving }) => <Time at={serving.loaded_at} />, number: true },
];

/** How many are named before the rest is counted. */
const NAMED = 5;

function Several({ texts }: { texts: readonly string[] }) {
  if (texts.length === 0) return <span className="quiet">none</span>;
  const rest = texts.length - NAMED;
  return (
    <span title={texts.join(', ')}>
      {texts.slice(0, NAMED).join(', ')}
      {rest > 0 && <span className="quiet"> and {rest} more</span>}
    </span>
  );
}

const route = getRouteApi('/providers');

/** What can be made here, and by what. */
export function ProvidersPage() {
  const { words = '' } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery({ ...providers, ...useLive(10) });
  return (
    <Page title="Providers" actions={<Reload />}>
      <Section title="By name" flush bare>
        <FilterBar
          filters={[{ name: 'words', label: 'Name or type', placeholder: 'postgres' }]}
          values={words === '' ? {} : { words }}
          onChange={(search) => void navigate({ search })}
        />
        <Loaded query={query} what="the providers">
          {(items) => {
            const rows = byName(items.filter((it) => holdsWords(it, words)));
            if (rows.length > 0) {
              return (
                <Table caption="Providers, by name" columns={COLUMNS} rows={rows} rowKey={(it) => it.serving.name} />
              );
            }
            if (items.length > 0) {
              const clear = () => void navigate({ search: {} });
              return <NoneLikeThat what="provider" command="slipway provider list" onClear={clear} />;
            }
            return (
              <Empty title="No provider is loaded" command="slipway provider add URL --ref TAG">
                Nothing can be made until one is. Put a folder with a provider.yaml where the instance looks for them,
                or add a Git repository:
              </Empty>
            );
          }}
        </Loaded>
      </Section>
      <Sources />
    </Page>
  );
}
