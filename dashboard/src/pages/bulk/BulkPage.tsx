import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { useAction } from '../../api/action';
import { bulk, stopBulk, type BulkDetail } from '../../api/bulk';
import { useMay } from '../../api/may';
import { Button } from '../../design/Button';
import { Facts } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Page, Section } from '../../design/Page';
import { Progress } from '../../design/Progress';
import { Status } from '../../design/Status';
import { rowLink, Table } from '../../design/Table';
import { ExactTime, Lasted } from '../../design/Time';
import { count, figure } from '../../design/words';
import { useLive } from '../../live/live';

const route = getRouteApi('/bulk/$id');

/** An operation on many runs: how far it is, and what it could not be done to. */
export function BulkPage() {
  const { id } = route.useParams();
  const query = useQuery({ ...bulk(id), ...useLive(2) });
  const it = query.data;
  return (
    <Page
      title={it === undefined ? 'Many runs' : `${it.action === 'retry' ? 'Retry' : 'Cancel'} ${count(it.total, 'run')}`}
      above={<Link to="/runs">Runs</Link>}
      lead={
        it !== undefined && (
          <>
            <Status status={it.status} />
            <span>asked for by {it.requested_by}</span>
            <Link to="/audit" search={{ object: `bulk/${id}` }}>
              Its audit
            </Link>
          </>
        )
      }
      actions={it?.status === 'running' && <Stop id={id} />}
    >
      <Loaded query={query} what="the operation">
        {(detail) => (
          <>
            <HowFar bulk={detail} />
            <Failures bulk={detail} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Stop({ id }: { id: string }) {
  const may = useMay('run.bulk');
  const stop = useAction({
    act: () => stopBulk(id),
    done: ({ remaining }) => `It is stopped; ${count(remaining, 'run')} stayed as they were`,
  });
  return (
    <Button kind="danger" busy={stop.isPending} {...may} onClick={() => stop.mutate()}>
      Stop it
    </Button>
  );
}

function HowFar({ bulk: it }: { bulk: BulkDetail }) {
  return (
    <Section title="Progress">
      <Progress
        label={`${figure(it.done + it.failed)} of ${figure(it.total)}`}
        total={it.total}
        parts={[
          ['ok', it.done],
          ['bad', it.failed],
        ]}
      />
      <Facts
        facts={[
          ['Done', figure(it.done)],
          ['Not possible', figure(it.failed)],
          [it.status === 'stopped' ? 'Left undone' : 'To do', figure(it.remaining)],
          ['Chosen by', <Chosen key="" filter={it.filter} />],
          ['Asked for', <ExactTime key="" at={it.created_at} />],
          ['Takes', <Lasted key="" from={it.created_at} to={it.stopped_at ?? it.finished_at} />],
          ['Stopped by', it.stopped_by],
        ]}
      />
    </Section>
  );
}

/** The filters that chose the runs, and the way to what they choose now. */
function Chosen({ filter }: { filter: Record<string, unknown> }) {
  const texts = Object.entries(filter).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  if (texts.length === 0) return 'all of them';
  return (
    <Link to="/runs" search={Object.fromEntries(texts)}>
      {texts.map(([name, value]) => `${name} ${value}`).join(', ')}
    </Link>
  );
}

function Failures({ bulk: { failures, failed } }: { bulk: BulkDetail }) {
  if (failures.length === 0) return null;
  return (
    <Section
      title="It could not be done to"
      flush
      aside={
        failed > failures.length && (
          <span className="quiet">
            the first {figure(failures.length)} of {figure(failed)}
          </span>
        )
      }
    >
      <Table
        caption="Runs that it could not be done to"
        rows={failures}
        rowKey={({ run_id }) => run_id}
        columns={[
          {
            key: 'run',
            label: 'Run',
            main: true,
            cell: ({ run_id }) => (
              <Link to="/runs/$id" params={{ id: run_id }} {...rowLink}>
                <code>{run_id}</code>
              </Link>
            ),
          },
          { key: 'why', label: 'Why', cell: ({ detail }) => detail },
        ]}
      />
    </Section>
  );
}
