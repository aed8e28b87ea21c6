import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';
import { paged, whole } from './paged';

export type Queue = Schema<'QueueView'>;
export type QueueDetail = Schema<'QueueAnswer'>;

/** Queues, by name. */
export const queueList = paged<Queue>(['queues', 'list'], (query, signal) =>
  answered(api.GET('/api/queues', { params: { query }, signal })),
);

/** The names of all queues. */
export const queueNames = queryOptions({
  queryKey: ['queues', 'names'],
  queryFn: async ({ signal }) => {
    const all = await whole((query) => answered(api.GET('/api/queues', { params: { query }, signal })));
    return all.map(({ name }) => name);
  },
});

/** One queue, and who waits in it for what. */
export const queue = (name: string) =>
  queryOptions({
    queryKey: ['queues', 'one', name],
    queryFn: ({ signal }) => answered(api.GET('/api/queues/{name}', { params: { path: { name } }, signal })),
  });

export type Hold = 'pause' | 'drain';

/** Lets nothing of it begin; a drain tells when nothing of it runs any more. */
export function holdQueue({ name, hold, reason }: { name: string; hold: Hold; reason: string }) {
  const asked = { params: { path: { name } }, body: { reason } };
  return answered(
    hold === 'pause' ? api.POST('/api/queues/{name}/pause', asked) : api.POST('/api/queues/{name}/drain', asked),
  );
}

export function resumeQueue(name: string) {
  return answered(api.POST('/api/queues/{name}/resume', { params: { path: { name } } }));
}

export function prioritize({ name, priority }: { name: string; priority: number }) {
  return answered(api.PATCH('/api/queues/{name}', { params: { path: { name } }, body: { priority } }));
}
