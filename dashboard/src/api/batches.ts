import { queryOptions } from '@tanstack/react-query';

import { answered, api, onceKey, type Schema } from './client';
import { paged } from './paged';

export type Batch = Schema<'BatchView'>;
export type BatchDetail = Schema<'BatchDetail'>;
export type BatchItem = Schema<'BatchItemView'>;
export type BatchStage = Schema<'StageView'>;
export type BatchPreview = Schema<'PreviewView'>;

/** Batches, newest first. */
export const batchList = (filter: { status?: string }) =>
  paged<Batch>(['batches', 'list', filter], (at, signal) =>
    answered(api.GET('/api/batches', { params: { query: { ...filter, ...at } }, signal })),
  );

/** The newest, as many as are looked through at once. */
export const newestBatches = queryOptions({
  queryKey: ['batches', 'newest'],
  queryFn: async ({ signal }) =>
    (await answered(api.GET('/api/batches', { params: { query: { limit: 100 } }, signal }))).items,
});

/** One of them, with its waves, what it would do or does, and what it could not. */
export const batch = (id: string) =>
  queryOptions({
    queryKey: ['batches', 'one', id],
    queryFn: ({ signal }) => answered(api.GET('/api/batches/{id}', { params: { path: { id } }, signal })),
  });

/** Its resources, in the order in which it comes to them. */
export const batchItems = (id: string, { wave, status }: { wave?: string; status?: string }) =>
  paged<BatchItem>(['batches', 'items', id, wave, status], (at, signal) => {
    const query = {
      ...(status === undefined ? {} : { status }),
      ...(wave === undefined ? {} : { wave: Number(wave) }),
      ...at,
    };
    return answered(api.GET('/api/batches/{id}/items', { params: { path: { id }, query }, signal }));
  });

/** One of them, with what would be run for it as far as that was asked for. */
export const batchItem = (id: string, resource: string) =>
  queryOptions({
    queryKey: ['batches', 'item', id, resource],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/batches/{id}/items/{resource}', { params: { path: { id, resource } }, signal })),
  });

/** What the batch would run for one of them. It is a run itself; when it is not over soon, its id comes alone. */
export function planItem({ id, resource }: { id: string; resource: string }) {
  return answered(api.POST('/api/batches/{id}/items/{resource}/plan', { params: { path: { id, resource } } }));
}

/** Fixes which resources it is about. Nothing begins before it is approved. */
export async function makeBatch(body: Schema<'BatchRequest'>): Promise<BatchDetail> {
  const header = { 'Idempotency-Key': onceKey() };
  return (await answered(api.POST('/api/batches', { params: { header }, body }))) as BatchDetail;
}

/** Approves exactly what was looked at: when it would be something else by now, it is refused. */
export function approveBatch(id: string, digest: string) {
  return answered(api.POST('/api/batches/{id}/approve', { params: { path: { id } }, body: { digest } }));
}

export type BatchVerb = 'pause' | 'abort' | 'rollback';

export function tellBatch({ id, verb, reason }: { id: string; verb: BatchVerb; reason: string }) {
  const asked = { params: { path: { id } }, body: reason === '' ? {} : { reason } };
  switch (verb) {
    case 'pause':
      return answered(api.POST('/api/batches/{id}/pause', asked));
    case 'abort':
      return answered(api.POST('/api/batches/{id}/abort', asked));
    case 'rollback':
      return answered(api.POST('/api/batches/{id}/rollback', asked));
  }
}

/** Goes on; `most`: how many may fail from now on. */
export function resumeBatch(id: string, most: string) {
  const body = most === '' ? {} : { max_failures: most };
  return answered(api.POST('/api/batches/{id}/resume', { params: { path: { id } }, body }));
}
