import { queryOptions } from '@tanstack/react-query';

import { answered, api, onceKey, type Schema } from './client';
import type { RunFilter } from './runs';

export type Bulk = Schema<'BulkView'>;
export type BulkDetail = Schema<'BulkDetail'>;
export type BulkAction = 'retry' | 'cancel';

/** The newest operations on many runs. */
export const newestBulks = (limit: number) =>
  queryOptions({
    queryKey: ['bulk', 'newest', limit],
    queryFn: async ({ signal }) =>
      (await answered(api.GET('/api/bulk', { params: { query: { limit } }, signal }))).items,
  });

/** One of them, and what it could not be done to. */
export const bulk = (id: string) =>
  queryOptions({
    queryKey: ['bulk', 'one', id],
    queryFn: ({ signal }) => answered(api.GET('/api/bulk/{id}', { params: { path: { id } }, signal })),
  });

/** How many runs match that something could be done to. */
export const bulkCount = (action: BulkAction, filter: RunFilter) =>
  queryOptions({
    queryKey: ['bulk', 'count', action, filter],
    queryFn: async ({ signal }) => {
      const answer = await answered(
        api.POST('/api/workflows/bulk', { body: { action, filter, dry_run: true }, signal }),
      );
      return 'most' in answer ? answer : { action, count: 0, most: 0 };
    },
    staleTime: 0,
  });

/** Does it to exactly so many runs, or to none when they have become more or fewer. */
export async function beginBulk(body: {
  action: BulkAction;
  filter: RunFilter;
  expected_count: number;
  reason: string | null;
}): Promise<Bulk> {
  const header = { 'Idempotency-Key': onceKey() };
  return (await answered(api.POST('/api/workflows/bulk', { params: { header }, body }))) as Bulk;
}

export function stopBulk(id: string) {
  return answered(api.POST('/api/bulk/{id}/stop', { params: { path: { id } } }));
}
