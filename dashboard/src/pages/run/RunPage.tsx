import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { childRuns, over, run as runQuery, type RunDetail } from '../../api/runs';
import { Id } from '../../design/Copy';
import { Facts } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Page, Section } from '../../design/Page';
import { Status } from '../../design/Status';
import { Table } from '../../design/Table';
import { ExactTime, Lasted, Time } from '../../design/Time';
import { short } from '../../design/words';
import { useLive } from '../../live/live';
import { RUN_COLUMNS } from '../runs/columns';
import { Attention } from './Attention';
import { History } from './History';
import { RunActions } from './RunActions';
import { Steps } from './Steps';
import { Timeline } from './Timeline';
import { Values } from './Values';
import './run.css';

const route = getRouteApi('/runs/$id');

/** One run: what went wrong or is waited for, what happened when, its steps, and what can be done. */
export function RunPage() {
  const { id } = route.useParams();
  const query = useQuery({ ...runQuery(id), ...useLive(2) });
  if (query.data === undefined) {
    return (
      <Page title={`Run ${short(id)}`} above={<Link to="/runs">Runs</Link>}>
        <Loaded query={query} what="the run" lines={10}>
          {() => null}
        </Loaded>
      </Page>
    );
  }
  return <Shown key={id} run={query.data} />;
}

function Shown({ run }: { run: RunDetail }) {
  const { step, view } = route.useSearch();
  const navigate = route.useNavigate();
  const select = (name: string | undefined) => {
    void navigate({
      search: (before) => ({ ...before, step: name ?? '' }),
      replace: true,
      resetScroll: false,
    }).then(() => {
      if (name !== undefined) document.getElementById('step')?.scrollIntoView({ block: 'nearest' });
    });
  };
  const moving = !over(run);
  return (
    <Page
      title={run.application == null ? run.workflow : `${run.workflow} for ${run.application}`}
      heading={run.workflow}
      above={
        <>
          <Link to="/runs">Runs</Link>
          {run.application != null && (
            <>
              {' / '}
              <Link to="/applications/$name" params={{ name: run.application }}>
                {run.application}
              </Link>
            </>
          )}
          {run.resource_id != null && (
            <>
              {' / '}
              <Link to="/resources/$id" params={{ id: run.resource_id }}>
                {run.resource ?? short(run.resource_id)}
              </Link>
            </>
          )}
        </>
      }
      lead={
        <>
          <Status status={run.cancel_requested_at != null && moving ? 'cancelling' : run.status} />
          <span>{run.operation}</span>
          <span>
            {run.provider} {run.provider_version}
          </span>
          <span>
            made <Time at={run.created_at} /> by {run.requested_by}
          </span>
          {run.started_at != null && (
            <span>
              {moving ? 'runs for' : 'took'} <Lasted from={run.started_at} to={run.finished_at} />
            </span>
          )}
        </>
      }
      actions={
        <>
          <Link to="/runs/$id/logs" params={{ id: run.id }} className="button">
            Log
          </Link>
          <RunActions run={run} />
        </>
      }
    >
      <Attention run={run} onSelect={select} />
      <Section title="Timeline" flush>
        <Timeline run={run} selected={step} onSelect={select} />
      </Section>
      <Steps
        run={run}
        moving={moving}
        selected={step}
        onSelect={select}
        view={view === 'table' ? 'table' : 'picture'}
        onView={(next) =>
          void navigate({
            search: (before) => ({ ...before, view: next === 'table' ? 'table' : '' }),
            resetScroll: false,
          })
        }
      />
      {run.steps.some((it) => it.wait?.kind === 'child') && <Children id={run.id} moving={moving} />}
      <div className="grid">
        <About run={run} />
        <Values run={run} />
      </div>
      <History history={run.history} />
    </Page>
  );
}

function Children({ id, moving }: { id: string; moving: boolean }) {
  // The page follows what happens to this run alone.
  const live = useLive(5, 'time');
  const query = useQuery({ ...childRuns(id), ...(moving ? live : {}) });
  return (
    <Section title="Runs that its steps started" flush>
      <Loaded query={query} what="the runs that its steps started" lines={3}>
        {(page) => (
          <Table caption="Runs that its steps started" columns={RUN_COLUMNS} rows={page.items} rowKey={(it) => it.id} />
        )}
      </Loaded>
    </Section>
  );
}

function About({ run }: { run: RunDetail }) {
  const other = (id: string | null | undefined) =>
    id == null ? undefined : (
      <Link key="" to="/runs/$id" params={{ id }}>
        <code>{short(id)}</code>
      </Link>
    );
  return (
    <Section title="About">
      <Facts
        facts={[
          ['Id', <Id key="" id={run.id} />],
          ['Kind', run.kind.replaceAll('_', ' ')],
          ['Team', run.team],
          ['Queue', `${run.queue}, priority ${String(run.priority)}`],
          ['Commit', run.provider_commit == null ? undefined : <Id key="" id={run.provider_commit} />],
          ['Goes on from', other(run.retry_of)],
          ['Started by', other(run.parent_run_id)],
          ['Group', run.concurrency_group ?? undefined],
          ['Worker', run.worker_id == null ? undefined : <code key="">{short(run.worker_id)}</code>],
          ['Workers lost', run.losses === 0 ? undefined : run.losses],
          ['Made', <ExactTime key="" at={run.created_at} />],
          ['Taken', run.started_at == null ? undefined : <ExactTime key="" at={run.started_at} />],
          ['Over', run.finished_at == null ? undefined : <ExactTime key="" at={run.finished_at} />],
          [
            'Deadline',
            run.deadline_at == null || run.finished_at != null ? undefined : <ExactTime key="" at={run.deadline_at} />,
          ],
        ]}
      />
    </Section>
  );
}
