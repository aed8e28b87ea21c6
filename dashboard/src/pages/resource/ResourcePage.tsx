import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { resource as resourceQuery, resourceGraph, type ResourceDetail } from '../../api/resources';
import { newestRuns } from '../../api/runs';
import { Id } from '../../design/Copy';
import { Empty } from '../../design/Empty';
import { Facts, Json } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Page, Section } from '../../design/Page';
import { Status } from '../../design/Status';
import { Table } from '../../design/Table';
import { ExactTime, Time } from '../../design/Time';
import { short } from '../../design/words';
import { ObjectGraph } from '../../graph/ObjectGraph';
import { useLive } from '../../live/live';
import { RUN_COLUMNS } from '../runs/columns';
import { Attention } from './Attention';
import { Drift } from './Drift';
import { History } from './History';
import { Hints } from './Hints';
import { KeptState } from './KeptState';
import { Outputs } from './Outputs';
import { ResourceActions } from './ResourceActions';
import { UsedBy } from './UsedBy';
import './resource.css';

const route = getRouteApi('/resources/$id');

/** One resource: how it stands and why, what it gives, what happened to it, and what can be done. */
export function ResourcePage() {
  const { id } = route.useParams();
  const query = useQuery({ ...resourceQuery(id), ...useLive(3) });
  if (query.data === undefined) {
    return (
      <Page title={`Resource ${short(id)}`} above={<Link to="/resources">Resources</Link>}>
        <Loaded query={query} what="the resource" lines={10}>
          {() => null}
        </Loaded>
      </Page>
    );
  }
  return <Shown key={id} resource={query.data} />;
}

function Shown({ resource: it }: { resource: ResourceDetail }) {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const keep = (part: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...part }), replace: true, resetScroll: false });
  return (
    <Page
      title={`${it.name} of ${it.application}`}
      heading={it.name}
      above={
        <>
          <Link to="/applications">Applications</Link>
          {' / '}
          <Link to="/applications/$name" params={{ name: it.application }}>
            {it.application}
          </Link>
        </>
      }
      lead={
        <>
          <Status status={it.state} />
          <span>
            <Link to="/resources" search={{ type: it.type }}>
              {it.type}
            </Link>
            {it.class != null && ` of the class ${it.class}`}
          </span>
          {it.provider != null && (
            <span>
              by{' '}
              <Link
                to="/providers/$name"
                params={{ name: it.provider }}
                search={it.provider_version == null ? {} : { version: it.provider_version }}
              >
                {it.provider}
              </Link>{' '}
              <span className="number">{it.provider_version}</span>
            </span>
          )}
          <span>
            changed <Time at={it.state_since} />
          </span>
          {it.protected && <span>protected from deletion</span>}
        </>
      }
      actions={<ResourceActions resource={it} />}
    >
      <Attention resource={it} />
      <Outputs resource={it} />
      <div className="grid">
        <Drift resource={it} />
        <Hints resource={it} />
      </div>
      <Section title="How it hangs together" flush>
        <ObjectGraph
          query={resourceGraph(it.id)}
          label={`${it.name}, who uses it, what it needs and what needs it`}
          self={`resource/${it.id}`}
          view={search.view === 'table' ? 'table' : 'picture'}
          onView={(view) => keep({ view: view === 'table' ? 'table' : '' })}
        />
      </Section>
      <Runs id={it.id} name={it.name} />
      <History
        resource={it}
        all={search.history === 'all'}
        onAll={(all) => keep({ history: all ? 'all' : '' })}
        at={search.at}
        onAt={(at) => keep({ at: at ?? '' })}
      />
      <KeptState id={it.id} />
      <div className="grid">
        <Params resource={it} />
        <About resource={it} />
      </div>
    </Page>
  );
}

/** Runs that are looked at here; all of them are one link away. */
const FIRST_RUNS = 6;
const OWN_RUNS = RUN_COLUMNS.filter(({ key }) => key !== 'for' && key !== 'team');

function Runs({ id, name }: { id: string; name: string }) {
  const query = useQuery({ ...newestRuns({ resource: id }, FIRST_RUNS), ...useLive(3) });
  return (
    <Section
      title="Latest runs"
      flush
      aside={
        <Link to="/runs" search={{ resource: id }}>
          All its runs
        </Link>
      }
    >
      <Loaded query={query} what="its latest runs" lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nothing has run for it yet" command={`slipway explain ${id}`}>
              A run begins as soon as what it depends on is there. What it waits for:
            </Empty>
          ) : (
            <Table caption={`Latest runs for ${name}`} columns={OWN_RUNS} rows={items} rowKey={(run) => run.id} />
          )
        }
      </Loaded>
    </Section>
  );
}

/** As they are asked for. What they became may hold others' secrets: the run that was given them shows it to who may see it. */
function Params({ resource: it }: { resource: ResourceDetail }) {
  const asked = Object.keys(it.params).length > 0;
  return (
    <Section title="Params">
      <h3>As the Score file asks</h3>
      {asked ? <Json value={it.params} label="Params as asked for" /> : <p className="quiet">It asks for none.</p>}
      {asked && it.last_run_id != null && (
        <p className="quiet">
          With what placeholders stood for, they are among the inputs of{' '}
          <Link to="/runs/$id" params={{ id: it.last_run_id }}>
            its last run
          </Link>
          .
        </p>
      )}
    </Section>
  );
}

function About({ resource: it }: { resource: ResourceDetail }) {
  const pairs = (named: Record<string, unknown>) => {
    const entries = Object.entries(named);
    return entries.length === 0 ? undefined : entries.map(([name, value]) => `${name}=${String(value)}`).join(', ');
  };
  return (
    <Section title="About">
      <Facts
        facts={[
          ['Id', <Id key="" id={it.id} />],
          ['Identity', <code key="">{it.identity}</code>],
          ['Used by', <UsedBy key={it.id} resource={it} />],
          [
            'Needs',
            it.depends_on.length === 0 ? undefined : (
              <ul key="">
                {it.depends_on.map((id) => (
                  <li key={id}>
                    <Link to="/resources/$id" params={{ id }}>
                      <code>{short(id)}</code>
                    </Link>
                  </li>
                ))}
              </ul>
            ),
          ],
          ['Shared', it.shared ? 'between applications' : undefined],
          ['Tags', it.tags.length === 0 ? undefined : it.tags.join(', ')],
          ['Workflow', it.workflow_override ?? undefined],
          ['Labels', pairs(it.labels)],
          ['Annotations', pairs(it.annotations)],
          ['Asked for', <ExactTime key="" at={it.created_at} />],
          ['Changed', <ExactTime key="" at={it.updated_at} />],
        ]}
      />
    </Section>
  );
}
