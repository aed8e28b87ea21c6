import { useQuery } from '@tanstack/react-query';

import { queues } from '../../api/queues';
import { Loaded } from '../../design/Loaded';
import { Page, Section } from '../../design/Page';
import { useLive } from '../../live/live';
import { QueueTable } from './QueueTable';

/** Every queue: what it holds, and how fast it moves. */
export function QueuesPage() {
  const query = useQuery({ ...queues, ...useLive(3) });
  return (
    <Page
      title="Queues"
      lead="What waits for a slot, what runs, and how long both take. The times are those of the last hour."
    >
      <Section title="By name" flush bare>
        <Loaded query={query} what="the queues">
          {(items) => <QueueTable queues={items} />}
        </Loaded>
      </Section>
    </Page>
  );
}
