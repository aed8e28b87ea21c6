import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { application as applicationQuery, applicationGraph, type ApplicationDetail } from '../../api/applications';
import { newestRuns } from '../../api/runs';
import { Id } from '../../design/Copy';
import { Empty } from '../../design/Empty';
import { Code, Facts } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Page, Section } from '../../design/Page';
import { Status } from '../../design/Status';
import { Table } from '../../design/Table';
import { ExactTime, Time } from '../../design/Time';
import { ObjectGraph } from '../../graph/ObjectGraph';
import { useLive } from '../../live/live';
import { yamlOf } from '../../score/yaml';
import { RESOURCE_COLUMNS } from '../resources/columns';
import { RUN_COLUMNS } from '../runs/columns';
import { ApplicationActions } from './ApplicationActions';
import { Attention } from './Attention';
import { Generations } from './Generations';

const route = getRouteApi('/applications/$name');

/** One application: how it stands, what it consists of, what was submitted, and what can be done. */
export function ApplicationPage() {
  const { name } = route.useParams();
  const query = useQuery({ ...applicationQuery(name), ...useLive(3) });
  if (query.data === undefined) {
    return (
      <Page title={name} above={<Link to="/applications">Applications</Link>}>
        <Loaded query={query} what="the application" lines={10}>
          {() => null}
        </Loaded>
      </Page>
    );
  }
  return <Shown key={query.data.id} application={query.data} />;
}

const OWN_RESOURCES = RESOURCE_COLUMNS.filter(({ key }) => key !== 'application');

function Shown({ application: it }: { application: ApplicationDetail }) {
  const { generation, view } = route.useSearch();
  const navigate = route.useNavigate();
  const gone = it.deleted_at != null;
  return (
    <Page
      title={it.name}
      above={<Link to="/applications">Applications</Link>}
      lead={
        <>
          <Status status={it.status} />
          <span>
            team{' '}
            <Link to="/applications" search={{ team: it.team }}>
              {it.team}
            </Link>
          </span>
          <span className="number">generation {it.generation}</span>
          <span>
            submitted <Time at={it.submitted_at} /> by {it.submitted_by}
          </span>
          {it.protected && <span>protected from deletion</span>}
          {it.expires_at != null && !gone && (
            <span>
              is deleted <Time at={it.expires_at} />
            </span>
          )}
        </>
      }
      actions={<ApplicationActions application={it} />}
    >
      <Attention application={it} />
      <Section title="Resources" flush>
        {it.items.length === 0 ? (
          <Empty title={gone ? 'All of it is gone' : 'It needs no resources'} command="slipway deploy score.yaml">
            {gone
              ? 'Submit it again to have it made anew.'
              : 'Name some below “resources” of its Score file and submit that.'}
          </Empty>
        ) : (
          <Table
            caption={`Resources of ${it.name}`}
            columns={OWN_RESOURCES}
            rows={it.items}
            rowKey={(resource) => resource.id}
            tone={(resource) => (resource.state === 'failed' ? 'bad' : undefined)}
          />
        )}
      </Section>
      <Section title="How it hangs together" flush>
        <ObjectGraph
          query={applicationGraph(it.name)}
          label={`${it.name}, its resources, who serves them, and their last runs`}
          self={`application/${it.id}`}
          view={view === 'table' ? 'table' : 'picture'}
          onView={(next) =>
            void navigate({
              search: (before) => ({ ...before, view: next === 'table' ? 'table' : '' }),
              replace: true,
              resetScroll: false,
            })
          }
        />
      </Section>
      <Generations
        application={it}
        opened={generation === undefined ? undefined : Number(generation)}
        onOpen={(number) =>
          void navigate({
            search: (before) => ({ ...before, generation: number === undefined ? '' : String(number) }),
            replace: true,
            resetScroll: false,
          })
        }
      />
      <Runs name={it.name} />
      <div className="grid">
        <Section
          title="Score file"
          aside={
            <Link to="/submit" search={{ application: it.name }}>
              Edit a copy
            </Link>
          }
        >
          <Code text={yamlOf(it.spec)} label={`The Score file of ${it.name}`} />
        </Section>
        <About application={it} />
      </div>
    </Page>
  );
}

/** Runs that are looked at here; all of them are one link away. */
const FIRST_RUNS = 6;
const OWN_RUNS = RUN_COLUMNS.filter(({ key }) => key !== 'team');

function Runs({ name }: { name: string }) {
  const query = useQuery({ ...newestRuns({ application: name }, FIRST_RUNS), ...useLive(3) });
  return (
    <Section
      title="Latest runs"
      flush
      aside={
        <Link to="/runs" search={{ application: name }}>
          All its runs
        </Link>
      }
    >
      <Loaded query={query} what="its latest runs" lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nothing has run for it yet" command={`slipway status ${name}`}>
              A run begins as soon as one of its resources can be made. Where they stand:
            </Empty>
          ) : (
            <Table caption={`Latest runs for ${name}`} columns={OWN_RUNS} rows={items} rowKey={(run) => run.id} />
          )
        }
      </Loaded>
    </Section>
  );
}

function About({ application: it }: { application: ApplicationDetail }) {
  const labels = Object.entries(it.labels).map(([name, value]) => `${name}=${String(value)}`);
  return (
    <Section title="About">
      <Facts
        facts={[
          ['Id', <Id key="" id={it.id} />],
          ['Labels', labels.length === 0 ? undefined : labels.join(', ')],
          ['Submitted by', it.submitted_by],
          ['Brought back', it.restores == null ? undefined : `generation ${String(it.restores)}`],
          ['First submitted', <ExactTime key="" at={it.created_at} />],
          ['Last submitted', <ExactTime key="" at={it.submitted_at} />],
          ['Changed', <ExactTime key="" at={it.updated_at} />],
          ['Ends', it.expires_at == null ? undefined : <ExactTime key="" at={it.expires_at} />],
          [
            'Deletion asked',
            it.delete_requested_at == null ? undefined : <ExactTime key="" at={it.delete_requested_at} />,
          ],
          ['Deleted', it.deleted_at == null ? undefined : <ExactTime key="" at={it.deleted_at} />],
        ]}
      />
    </Section>
  );
}
