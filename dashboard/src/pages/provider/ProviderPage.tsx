import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import {
  provider as providerQuery,
  providers as providerList,
  workflows as workflowsQuery,
  type ProviderDetail,
} from '../../api/providers';
import { newestRuns } from '../../api/runs';
import { Id } from '../../design/Copy';
import { Empty } from '../../design/Empty';
import { Facts } from '../../design/Facts';
import { Select } from '../../design/Field';
import { Loaded } from '../../design/Loaded';
import { Notice } from '../../design/Notice';
import { Page, Section } from '../../design/Page';
import { Table } from '../../design/Table';
import { ExactTime } from '../../design/Time';
import { count } from '../../design/words';
import { useLive } from '../../live/live';
import { RUN_COLUMNS } from '../runs/columns';
import { Capabilities } from './Capabilities';
import { Workflows } from './Workflows';

const route = getRouteApi('/providers/$name');

/** One provider: what it serves and by which workflows, its versions, and who uses it. */
export function ProviderPage() {
  const { name } = route.useParams();
  const { version } = route.useSearch();
  const query = useQuery({ ...providerQuery(name, version), ...useLive(10) });
  if (query.data === undefined) {
    return (
      <Page title={name} above={<Link to="/providers">Providers</Link>}>
        <Loaded query={query} what="the provider" lines={10}>
          {() => null}
        </Loaded>
      </Page>
    );
  }
  return <Shown provider={query.data} />;
}

function Shown({ provider: it }: { provider: ProviderDetail }) {
  const { version, workflow } = route.useSearch();
  const navigate = route.useNavigate();
  const workflows = useQuery(workflowsQuery(it.name, version));
  const open = (name: string | undefined) =>
    void navigate({
      search: (before) => ({ ...before, workflow: name ?? '' }),
      replace: true,
      resetScroll: false,
    });
  return (
    <Page
      title={it.name}
      above={<Link to="/providers">Providers</Link>}
      lead={
        <>
          <span className="number">{it.version}</span>
          {it.default ? <span>serves by default</span> : <span>serves where an application pins it</span>}
          <span>{it.source == null ? 'from a folder of the instance' : `from the source ${it.source}`}</span>
          {it.description != null && <span>{it.description}</span>}
        </>
      }
      actions={<Versions name={it.name} shown={it.version} />}
    >
      {it.warnings.length > 0 && (
        <Notice
          tone="warn"
          title={count(
            it.warnings.length,
            'thing that its authors should change',
            'things that its authors should change',
          )}
        >
          <ul>
            {it.warnings.map((warning) => (
              <li key={warning}>{warning}</li>
            ))}
          </ul>
        </Notice>
      )}
      <Section title="Capabilities" flush>
        <Capabilities provider={it} onOpen={open} />
      </Section>
      <Section title="Workflows" flush>
        <Loaded query={workflows} what="its workflows" lines={4}>
          {(items) => <Workflows provider={it.name} workflows={items} opened={workflow} onOpen={open} />}
        </Loaded>
      </Section>
      <Usage provider={it} />
      <Section title="About">
        <Facts
          facts={[
            ['Category', it.category ?? undefined],
            ['Author', it.author ?? undefined],
            ['Homepage', it.homepage == null ? undefined : <Homepage key="" address={it.homepage} />],
            ['Tags', it.tags.length === 0 ? undefined : it.tags.join(', ')],
            ['Step types', it.step_types.length === 0 ? undefined : it.step_types.join(', ')],
            ['Commit', it.commit == null ? undefined : <Id key="" id={it.commit} />],
            ['Digest', <Id key="" id={it.digest} />],
            ['Loaded', <ExactTime key="" at={it.loaded_at} />],
          ]}
        />
      </Section>
    </Page>
  );
}

/** A link only when it is one that a browser may follow: providers are written by others. */
function Homepage({ address }: { address: string }) {
  if (!/^https?:\/\//.test(address)) return address;
  return (
    <a href={address} target="_blank" rel="noopener noreferrer">
      {address}
    </a>
  );
}

function Versions({ name, shown }: { name: string; shown: string }) {
  const navigate = route.useNavigate();
  const { data = [] } = useQuery(providerList);
  const versions = data.filter((it) => it.name === name);
  if (versions.length < 2) return null;
  return (
    <Select
      label="Version"
      options={versions.map((it) => [it.version, it.default ? `${it.version} (serves)` : it.version] as const)}
      value={shown}
      onChange={(event) => void navigate({ search: { version: event.target.value } })}
    />
  );
}

/** Runs that are looked at here; all of them are one link away. */
const FIRST_RUNS = 6;
const OWN_RUNS = RUN_COLUMNS.filter(({ key }) => key !== 'team');

function Usage({ provider: it }: { provider: ProviderDetail }) {
  const query = useQuery({ ...newestRuns({ provider: it.name }, FIRST_RUNS), ...useLive(5) });
  return (
    <Section
      title="Usage"
      flush
      aside={
        <span className="row">
          {it.resource_types.map((type) => (
            <Link key={type} to="/resources" search={{ type }}>
              {type} resources
            </Link>
          ))}
          <Link to="/runs" search={{ provider: it.name }}>
            All its runs
          </Link>
        </span>
      }
    >
      <Loaded query={query} what="its latest runs" lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nobody has used it yet" command={`slipway provider get ${it.name}`}>
              Its latest runs are here once an application asks for what it serves:
            </Empty>
          ) : (
            <Table caption={`Latest runs of ${it.name}`} columns={OWN_RUNS} rows={items} rowKey={(run) => run.id} />
          )
        }
      </Loaded>
    </Section>
  );
}
