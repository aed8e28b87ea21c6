import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';

import { useAction } from '../../api/action';
import type { Schema } from '../../api/client';
import { useMay } from '../../api/may';
import { deliveries, delivery, redeliver, type Delivery, type Webhook } from '../../api/webhooks';
import { Button } from '../../design/Button';
import { Empty } from '../../design/Empty';
import { Json } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Status } from '../../design/Status';
import { PagedTable, rowLink, Table, type Column } from '../../design/Table';
import { ExactTime, Time } from '../../design/Time';
import { lengthOf } from '../../design/words';
import { useLive } from '../../live/live';

/** What was sent to a webhook, and what came back. */
export function Deliveries({
  webhook,
  opened,
  onClose,
}: {
  webhook: Webhook;
  opened: string | undefined;
  onClose: () => void;
}) {
  const query = useInfiniteQuery({ ...deliveries(webhook.id), ...useLive(3) });
  const may = useMay('webhook.write', webhook.team == null ? undefined : `team/${webhook.team}`);
  const again = useAction({
    act: (it: Delivery) => redeliver({ id: webhook.id, number: it.id }),
    done: () => 'It is sent once more',
  });
  const columns: readonly Column<Delivery>[] = [
    { key: 'status', label: 'Status', bare: true, cell: (it) => <Status status={it.status} /> },
    {
      key: 'event',
      label: 'Event',
      main: true,
      cell: (it) => (
        <>
          <Link
            to="/settings"
            search={{ tab: 'webhooks', opened: webhook.id, delivery: it.id }}
            resetScroll={false}
            {...rowLink}
          >
            {it.type}
          </Link>
          {it.last_error != null && it.status !== 'delivered' && (
            <span className="why" data-tone="bad">
              {it.last_error}
            </span>
          )}
        </>
      ),
    },
    { key: 'answer', label: 'Answer', number: true, cell: (it) => it.last_status },
    { key: 'tries', label: 'Tries', number: true, cell: (it) => it.attempts },
    { key: 'made', label: 'Made', number: true, cell: (it) => <Time at={it.created_at} /> },
    {
      key: 'next',
      label: 'Next try',
      number: true,
      cell: (it) => (it.next_attempt_at == null ? null : <Time at={it.next_attempt_at} />),
    },
    {
      key: 'do',
      label: 'Action',
      bare: true,
      cell: (it) =>
        it.status === 'pending' ? null : (
          <Button
            small
            kind="quiet"
            busy={again.isPending && again.variables.id === it.id}
            {...may}
            onClick={() => again.mutate(it)}
          >
            Send again
          </Button>
        ),
    },
  ];
  return (
    <section className="opened" aria-label={`Deliveries to ${webhook.url}`}>
      <header className="section-head">
        <h2>Deliveries</h2>
        <Button small kind="quiet" onClick={onClose}>
          Close
        </Button>
      </header>
      <PagedTable
        query={query}
        what="deliveries"
        caption="Deliveries, newest first"
        columns={columns}
        rowKey={(it) => it.id}
        empty={
          <Empty title="Nothing was sent there yet" command={`slipway webhook test ${webhook.id}`}>
            What happens from now on is. To see that it arrives:
          </Empty>
        }
      />
      {opened !== undefined && <Detail key={opened} webhook={webhook.id} number={opened} />}
    </section>
  );
}

function Detail({ webhook, number }: { webhook: string; number: string }) {
  const query = useQuery(delivery(webhook, number));
  return (
    <section className="opened" aria-label="The delivery">
      <div className="section-body">
        <Loaded query={query} what="the delivery">
          {(it) => (
            <>
              <h3>What was sent</h3>
              <Json value={it.payload} label="What was sent" />
              <h3>What came back</h3>
              {it.tries.length === 0 ? <p className="quiet">It was not tried yet.</p> : <Tries tries={it.tries} />}
            </>
          )}
        </Loaded>
      </div>
    </section>
  );
}

function Tries({ tries }: { tries: readonly Schema<'TryView'>[] }) {
  return (
    <div className="framed">
      <Table
        caption="Tries, the first first"
        rows={tries}
        rowKey={(it) => String(it.number)}
        columns={[
          { key: 'when', label: 'When', main: true, cell: (it) => <ExactTime at={it.at} /> },
          { key: 'answer', label: 'Answer', number: true, cell: (it) => it.response_status },
          { key: 'took', label: 'Took', number: true, cell: (it) => lengthOf(it.duration_ms / 1000) },
          { key: 'to', label: 'To', cell: (it) => it.address },
          { key: 'said', label: 'It said', cell: (it) => it.error ?? it.response_body },
        ]}
      />
    </div>
  );
}
