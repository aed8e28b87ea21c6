import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { queue, type QueueDetail } from '../../api/queues';
import { Empty } from '../../design/Empty';
import { Facts } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Notice } from '../../design/Notice';
import { Page, Section } from '../../design/Page';
import { Table } from '../../design/Table';
import { Length, Time } from '../../design/Time';
import { count, figure } from '../../design/words';
import { History } from '../../history/History';
import { useLive } from '../../live/live';
import { percentiles, QueueStatus } from '../queues/QueueTable';
import { REASONS } from '../run/reason';
import { QueueActions } from './QueueActions';

const route = getRouteApi('/queues/$name');

/** One queue: what it holds, who waits in it for what, and how it went. */
export function QueuePage() {
  const { name } = route.useParams();
  const { span } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery({ ...queue(name), ...useLive(3) });
  return (
    <Page
      title={name}
      above={<Link to="/queues">Queues</Link>}
      lead={
        query.data !== undefined && (
          <>
            <QueueStatus state={query.data.state} />
            <Link to="/runs" search={{ queue: name }}>
              Its runs
            </Link>
          </>
        )
      }
      actions={query.data !== undefined && <QueueActions queue={query.data} />}
    >
      <Loaded query={query} what="the queue">
        {(it) => (
          <>
            <Held queue={it} />
            <div className="grid">
              <Now queue={it} />
              <Reasons queue={it} />
            </div>
            <Teams queue={it} />
          </>
        )}
      </Loaded>
      <History queue={name} span={span} onSpan={(next) => void navigate({ search: { span: next }, replace: true })} />
    </Page>
  );
}

const HELD = {
  paused: 'It is paused: nothing of it begins, what runs goes on',
  draining: 'It is drained: nothing of it begins, and some of it still runs',
  drained: 'It is drained: nothing of it runs any more',
} as const;

function Held({ queue: it }: { queue: QueueDetail }) {
  if (it.state === 'open' && it.wait_detail == null) return null;
  if (it.state === 'paused' || it.state === 'draining' || it.state === 'drained') {
    return (
      <Notice tone="warn" title={HELD[it.state]}>
        <p>
          {it.paused_by ?? 'Somebody'} did that <Time at={it.paused_at} />
          {it.paused_why != null && `: ${it.paused_why}`}
        </p>
      </Notice>
    );
  }
  return (
    <Notice tone={it.wait_reason === 'NoWorkerForQueue' ? 'bad' : 'warn'} title="Runs that could start wait">
      <p>
        {it.wait_detail}, since <Time at={it.wait_since} />
      </p>
    </Notice>
  );
}

function Now({ queue: it }: { queue: QueueDetail }) {
  return (
    <Section title="Now">
      <Facts
        facts={[
          ['Running', `${figure(it.in_flight)} of ${count(it.slots, 'slot')} on ${count(it.workers, 'worker')}`],
          ['Waiting for a slot', figure(it.depth)],
          ['The oldest for', it.oldest_age_s == null ? undefined : <Length key="" seconds={it.oldest_age_s} />],
          ['Blocked', figure(it.blocked)],
          [
            'Ended a minute',
            `${figure(it.finished_per_minute, 1)}, of which ${figure(it.failed_per_minute, 1)} failed`,
          ],
          ['Waits p50 · p95 · p99', percentiles(it.wait) ?? 'no run began in the last hour'],
          ['Takes p50 · p95 · p99', percentiles(it.run) ?? 'no run ended in the last hour'],
          ['Priority', figure(it.priority)],
        ]}
      />
    </Section>
  );
}

function Reasons({ queue: it }: { queue: QueueDetail }) {
  const rows = Object.entries(it.waiting_by_reason).sort(([, one], [, other]) => other - one);
  return (
    <Section title="Waiting by reason" flush>
      {rows.length === 0 ? (
        <Empty title="Nothing waits" command={`slipway workflow list --queue ${it.name}`}>
          What asks for this queue begins at once. What went through it:
        </Empty>
      ) : (
        <Table
          caption="Waiting runs by reason"
          rows={rows}
          rowKey={([reason]) => reason}
          columns={[
            {
              key: 'reason',
              label: 'Reason',
              main: true,
              cell: ([reason]) => (
                <>
                  {REASONS[reason] ?? reason}
                  <span className="cell-2">{reason}</span>
                </>
              ),
            },
            { key: 'runs', label: 'Runs', number: true, cell: ([, runs]) => figure(runs) },
          ]}
        />
      )}
    </Section>
  );
}

function Teams({ queue: it }: { queue: QueueDetail }) {
  if (it.teams.length === 0) return null;
  return (
    <Section title="By team" flush>
      <Table
        caption="What each team has in the queue"
        rows={it.teams}
        rowKey={({ team }) => team}
        columns={[
          {
            key: 'team',
            label: 'Team',
            main: true,
            cell: ({ team }) => (
              <Link to="/runs" search={{ queue: it.name, team }}>
                {team}
              </Link>
            ),
          },
          { key: 'running', label: 'In flight', number: true, cell: (row) => figure(row.in_flight) },
          { key: 'waiting', label: 'Waiting', number: true, cell: (row) => figure(row.waiting) },
          {
            key: 'why',
            label: 'For',
            cell: ({ by_reason }) =>
              Object.entries(by_reason)
                .map(([reason, runs]) => `${REASONS[reason] ?? reason} (${figure(runs)})`)
                .join(', '),
          },
        ]}
      />
    </Section>
  );
}
