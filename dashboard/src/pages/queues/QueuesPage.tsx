import { useInfiniteQuery } from '@tanstack/react-query';

import { queueList } from '../../api/queues';
import { Page, Section } from '../../design/Page';
import { PagedTable } from '../../design/Table';
import { useLive } from '../../live/live';
import { NoQueues, QUEUES } from './QueueTable';

/** Every queue: what it holds, and how fast it moves. */
export function QueuesPage() {
  const query = useInfiniteQuery({ ...queueList, ...useLive(3) });
  return (
    <Page
      title="Queues"
      lead="What waits for a slot, what runs, and how long both take. The times are those of the last hour."
    >
      <Section title="By name" flush bare>
        <PagedTable {...QUEUES} query={query} what="queues" empty={<NoQueues />} />
      </Section>
    </Page>
  );
}
