import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { goldenPaths, type GoldenPath } from '../../api/goldenPaths';
import { Empty, NoneLikeThat } from '../../design/Empty';
import { FilterBar } from '../../design/FilterBar';
import { Loaded } from '../../design/Loaded';
import { Page, Section } from '../../design/Page';
import { rowLink, Table, type Column } from '../../design/Table';
import { Length } from '../../design/Time';
import { useLive } from '../../live/live';

const COLUMNS: readonly Column<GoldenPath>[] = [
  {
    key: 'name',
    label: 'Golden path',
    main: true,
    cell: (it) => (
      <>
        <Link to="/golden-paths/$name" params={{ name: it.name }} search={{ provider: it.provider }} {...rowLink}>
          {it.name}
        </Link>
        <span className="cell-2">{it.description}</span>
        {it.unavailable != null && (
          <span className="why" data-tone="warn">
            {it.unavailable}
          </span>
        )}
      </>
    ),
  },
  {
    key: 'asks',
    label: 'Asks for',
    cell: (it) => (it.required.length === 0 ? <span className="quiet">nothing</span> : it.required.join(', ')),
  },
  {
    key: 'provider',
    label: 'Provider',
    wide: true,
    cell: (it) => (
      <span className="whole">
        {it.provider} <span className="quiet number">{it.provider_version}</span>
      </span>
    ),
  },
  { key: 'tags', label: 'Tags', cell: (it) => <span className="quiet">{it.tags.join(', ')}</span>, wide: true },
  {
    key: 'took',
    label: 'Takes',
    number: true,
    cell: (it) =>
      it.estimated_duration == null ? (
        (it.stated_duration ?? null)
      ) : (
        <span title={it.estimated_duration.basis}>
          <Length seconds={it.estimated_duration.seconds} />
        </span>
      ),
  },
];

const route = getRouteApi('/golden-paths');

/** What a person can have done in one go. */
export function GoldenPathsPage() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery({ ...goldenPaths, ...useLive(15) });
  return (
    <Page title="Golden paths">
      <Section title="By name" flush bare>
        <FilterBar
          filters={[
            { name: 'words', label: 'Name or tag' },
            { name: 'provider', label: 'Provider' },
          ]}
          values={filter}
          onChange={(search) => void navigate({ search })}
        />
        <Loaded query={query} what="the golden paths">
          {(items) => {
            const rows = items.filter((it) => wanted(it, filter));
            if (rows.length > 0) {
              return (
                <Table
                  caption="Golden paths, by name"
                  columns={COLUMNS}
                  rows={rows}
                  rowKey={(it) => `${it.provider} ${it.name}`}
                />
              );
            }
            if (items.length > 0) {
              const clear = () => void navigate({ search: {} });
              return <NoneLikeThat what="golden path" command="slipway golden-path list" onClear={clear} />;
            }
            return (
              <Empty title="No provider brings a golden path" command="slipway provider add URL --ref TAG">
                A golden path is a workflow that people start themselves, as to set a team up. Providers bring them:
              </Empty>
            );
          }}
        </Loaded>
      </Section>
    </Page>
  );
}

function wanted(it: GoldenPath, { words = '', provider }: { words?: string; provider?: string }): boolean {
  if (provider !== undefined && it.provider !== provider) return false;
  const text = [it.name, it.description, it.group, ...it.tags].join(' ').toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
