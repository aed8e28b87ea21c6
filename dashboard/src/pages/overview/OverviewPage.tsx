import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { openApprovals } from '../../api/approvals';
import { overview } from '../../api/overview';
import { newestRuns } from '../../api/runs';
import { newestWorkers } from '../../api/workers';
import { Empty } from '../../design/Empty';
import { Loaded } from '../../design/Loaded';
import { Page, Section } from '../../design/Page';
import { rowLink, Table } from '../../design/Table';
import { Time } from '../../design/Time';
import { History } from '../../history/History';
import { useLive } from '../../live/live';
import { NoQueues, QUEUES } from '../queues/QueueTable';
import { RUN_COLUMNS } from '../runs/columns';
import { NoWorkers, WORKER_COLUMNS } from '../workers/WorkerTable';
import { Figures } from './Figures';
import './overview.css';

/** Failures and questions that are looked at first; the rest is one link away. */
const FIRST = 6;

const route = getRouteApi('/');

/** How all of it stands: what failed, what waits for people, what the queues and workers do, and how it went. */
export function OverviewPage() {
  const { span } = route.useSearch();
  const navigate = route.useNavigate();
  const live = useLive(3);
  const query = useQuery({ ...overview, ...live });
  const workers = useQuery({ ...newestWorkers, ...live });
  return (
    <Page title="Overview">
      <Figures overview={query.data} />
      <Failures />
      <Asked />
      <History span={span} onSpan={(next) => void navigate({ search: { span: next }, replace: true })} />
      <Section title="Queues" flush aside={<Link to="/queues">All queues</Link>}>
        <Loaded query={query} what="the queues" lines={3}>
          {({ queues }) => (queues.length === 0 ? <NoQueues /> : <Table {...QUEUES} rows={queues} />)}
        </Loaded>
      </Section>
      <Section title="Workers" flush aside={<Link to="/workers">All workers</Link>}>
        <Loaded query={workers} what="the workers" lines={3}>
          {(items) =>
            items.length === 0 ? (
              <NoWorkers />
            ) : (
              <Table caption="Workers" columns={WORKER_COLUMNS} rows={items} rowKey={(worker) => worker.id} />
            )
          }
        </Loaded>
      </Section>
    </Page>
  );
}

const FAILURE_COLUMNS = RUN_COLUMNS.filter(({ key }) => key !== 'provider' && key !== 'took');

function Failures() {
  const query = useQuery({ ...newestRuns({ status: 'failed' }, FIRST), ...useLive(3) });
  return (
    <Section
      title="Latest failures"
      flush
      aside={
        <Link to="/runs" search={{ status: 'failed' }}>
          All failed runs
        </Link>
      }
    >
      <Loaded query={query} what="the latest failures" lines={4}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nothing has failed" command="slipway workflow list">
              The newest failures are here as soon as there is one. What ran lately:
            </Empty>
          ) : (
            <div className="failures">
              <Table caption="Latest failures" columns={FAILURE_COLUMNS} rows={items} rowKey={(run) => run.id} />
            </div>
          )
        }
      </Loaded>
    </Section>
  );
}

function Asked() {
  const query = useQuery({ ...openApprovals(FIRST), ...useLive(5) });
  // Questions are rare: without one, a line is enough, and while it is not known, nothing.
  if (query.data?.items.length === 0) return null;
  return (
    <Section title="Waiting for a decision" flush aside={<Link to="/approvals">All of them</Link>}>
      <Loaded query={query} what="what waits for a decision" lines={2}>
        {({ items }) => (
          <Table
            caption="Steps that wait for a decision"
            rows={items}
            rowKey={(approval) => `${approval.run_id} ${approval.step}`}
            columns={[
              {
                key: 'message',
                label: 'Question',
                main: true,
                cell: (approval) => (
                  <Link to="/runs/$id" params={{ id: approval.run_id }} {...rowLink}>
                    {approval.message}
                  </Link>
                ),
              },
              { key: 'run', label: 'Run', cell: (approval) => `${approval.workflow} / ${approval.step}` },
              { key: 'for', label: 'For', cell: (approval) => approval.application ?? approval.team },
              { key: 'by', label: 'Asked by', cell: (approval) => approval.requested_by, wide: true },
              { key: 'since', label: 'Since', cell: (approval) => <Time at={approval.requested_at} />, number: true },
              { key: 'until', label: 'Until', cell: (approval) => <Time at={approval.expires_at} />, number: true },
            ]}
          />
        )}
      </Loaded>
    </Section>
  );
}
