import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';
import { paged, whole } from './paged';

export type Worker = Schema<'WorkerView'>;

/** The workers that started last, of those that have not stopped. */
export const newestWorkers = queryOptions({
  queryKey: ['workers', 'newest'],
  queryFn: async ({ signal }) => (await answered(api.GET('/api/workers', { signal }))).items,
});

/** Every worker that has not stopped. */
export const workers = queryOptions({
  queryKey: ['workers', 'all'],
  queryFn: ({ signal }) => whole((query) => answered(api.GET('/api/workers', { params: { query }, signal }))),
});

/** Workers, those that started last first; stopped ones too, when they are wanted. */
export const workerList = (stopped: boolean) =>
  paged<Worker>(['workers', 'list', stopped], (at, signal) =>
    answered(api.GET('/api/workers', { params: { query: { ...(stopped ? { stopped } : {}), ...at } }, signal })),
  );

export const worker = (id: string) =>
  queryOptions({
    queryKey: ['workers', 'one', id],
    queryFn: ({ signal }) => answered(api.GET('/api/workers/{id}', { params: { path: { id } }, signal })),
  });

/** How a worker stands, in one word of `Status`. */
export function standing(worker: Pick<Worker, 'live' | 'state' | 'asked'>): string {
  if (worker.state === 'stopped') return 'stopped';
  if (!worker.live) return 'gone';
  if (worker.state === 'active' && worker.asked === 'cordon') return 'cordoned';
  return worker.asked === 'drain' ? 'draining' : worker.state;
}

export type WorkerVerb = 'cordon' | 'uncordon' | 'drain';

export function tellWorker({ id, verb, reason }: { id: string; verb: WorkerVerb; reason: string }) {
  const params = { path: { id } };
  switch (verb) {
    case 'cordon':
      return answered(api.POST('/api/workers/{id}/cordon', { params, body: { reason } }));
    case 'uncordon':
      return answered(api.POST('/api/workers/{id}/uncordon', { params }));
    case 'drain':
      return answered(api.POST('/api/workers/{id}/drain', { params, body: { reason } }));
  }
}
