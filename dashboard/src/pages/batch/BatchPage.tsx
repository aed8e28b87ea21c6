import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { batch, type BatchDetail } from '../../api/batches';
import { Command } from '../../design/Copy';
import { Facts } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Notice } from '../../design/Notice';
import { Page, Section } from '../../design/Page';
import { Progress } from '../../design/Progress';
import { Status, toneOf } from '../../design/Status';
import { rowLink, Table } from '../../design/Table';
import { ExactTime, Lasted } from '../../design/Time';
import { figure, lengthOf } from '../../design/words';
import { useLive } from '../../live/live';
import { partsOf } from '../batches/parts';
import { BatchActions } from './BatchActions';
import { Items } from './Items';
import { Preview } from './Preview';
import { Waves } from './Waves';
import './batch.css';

const route = getRouteApi('/batches/$id');

/** One batch: what it would do, how far it is, and what can be done about it. */
export function BatchPage() {
  const { id } = route.useParams();
  const query = useQuery({ ...batch(id), ...useLive(2) });
  const it = query.data;
  return (
    <Page
      title={it?.name ?? 'Batch'}
      above={<Link to="/batches">Batches</Link>}
      lead={
        it !== undefined && (
          <>
            <Status status={it.status} />
            <span>asked for by {it.requested_by}</span>
            <Link to="/audit" search={{ object: `batch/${id}` }}>
              Its audit
            </Link>
          </>
        )
      }
      actions={it !== undefined && <BatchActions batch={it} />}
    >
      <Loaded query={query} what="the batch">
        {(detail) => (
          <>
            {detail.detail !== '' && (
              <Notice tone={toneOf(detail.status)}>
                <p>{detail.detail}</p>
              </Notice>
            )}
            <HowFar batch={detail} />
            <Failures batch={detail} />
            <Preview batch={detail} />
            <Plan batch={detail} />
          </>
        )}
      </Loaded>
      {it !== undefined && <Items batch={it} />}
    </Page>
  );
}

function HowFar({ batch: it }: { batch: BatchDetail }) {
  const over = it.succeeded + it.failed + it.skipped;
  const told = [
    [it.succeeded, 'done'],
    [it.failed, 'failed'],
    [it.skipped, 'left out'],
    [it.in_flight, 'in flight'],
    [it.remaining, 'to do'],
    [it.rolled_back, 'taken back'],
  ] as const;
  return (
    <Section title="Progress">
      <Progress label={`${figure(over)} of ${figure(it.total)}`} total={it.total} parts={partsOf(it)} />
      <p className="quiet number">
        {told
          .filter(([number]) => number > 0)
          .map(([number, word]) => `${figure(number)} ${word}`)
          .join(', ')}
        {it.started_at != null && (
          <>
            {'; takes '}
            <Lasted from={it.started_at} to={it.finished_at} />
          </>
        )}
      </p>
      <Waves batch={it} />
    </Section>
  );
}

function Failures({ batch: { failures, failed, id } }: { batch: BatchDetail }) {
  if (failures.length === 0) return null;
  return (
    <Section
      title="What it could not do"
      flush
      aside={<span className="quiet">{`the first ${figure(failures.length)} of ${figure(failed)}`}</span>}
    >
      <Table
        caption="Resources that it could not do"
        rows={failures}
        rowKey={({ resource_id }) => resource_id}
        columns={[
          {
            key: 'resource',
            label: 'Resource',
            main: true,
            cell: (it) => (
              <>
                <Link to="/resources/$id" params={{ id: it.resource_id }} {...rowLink}>
                  {it.resource ?? it.resource_id}
                </Link>
                <span className="cell-2">{it.application}</span>
              </>
            ),
          },
          { key: 'why', label: 'Why', cell: (it) => it.detail },
          {
            key: 'run',
            label: 'Run',
            cell: (it) =>
              it.run_id == null ? null : (
                <Link to="/runs/$id" params={{ id: it.run_id }}>
                  Look at it
                </Link>
              ),
          },
        ]}
      />
      <p className="row table-foot">
        Another batch of these: <Command>{`slipway batch create --select failed-in=${id} --operation retry`}</Command>
      </p>
    </Section>
  );
}

function Plan({ batch: it }: { batch: BatchDetail }) {
  return (
    <Section title="How it goes">
      <Facts
        facts={[
          ['Resources', <code key="">{it.select}</code>],
          ['Why', it.reason === '' ? undefined : it.reason],
          ['Waves', it.waves],
          ['At once', figure(it.max_in_flight)],
          ['Each wave is watched', it.bake_s === 0 ? 'not at all' : `for ${lengthOf(it.bake_s)}`],
          ['Looks for drift', it.verify ? 'after each wave' : 'no'],
          ['It stops at more failures than', it.max_failures],
          ['Only in the minutes', it.window == null ? undefined : <code key="">{it.window}</code>],
          ['Approved by', it.approved_by],
          ['Approved', it.approved_at == null ? undefined : <ExactTime key="" at={it.approved_at} />],
          ['Digest', <code key="">{it.digest}</code>],
          ['Made', <ExactTime key="" at={it.created_at} />],
        ]}
      />
    </Section>
  );
}
