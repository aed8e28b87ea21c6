import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';

export type Overview = Schema<'Overview'>;
export type History = Schema<'History'>;
export type Point = Schema<'Point'>;
export type Mark = Schema<'MarkView'>;

/** Counts of everything, and how the last hour was. */
export const overview = queryOptions({
  queryKey: ['queues', 'overview'],
  queryFn: ({ signal }) => answered(api.GET('/api/overview', { signal })),
});

/** How far back one can look: minutes are kept for seven days. */
export const SPANS = [
  ['1h', 'the last hour', 1],
  ['6h', 'six hours', 6],
  ['24h', 'a day', 24],
  ['7d', 'seven days', 168],
] as const;

const HOUR_MS = 3_600_000;

function begin(span: string): string {
  const [, , hours] = SPANS.find(([name]) => name === span) ?? SPANS[0];
  return new Date(Date.now() - hours * HOUR_MS).toISOString();
}

/** How it went, of one queue or of all together. */
export const history = (span: string, queue?: string) =>
  queryOptions({
    queryKey: ['queues', 'history', span, queue],
    queryFn: ({ signal }) => {
      const query = { from: begin(span), ...(queue === undefined ? {} : { queue }) };
      return answered(api.GET('/api/metrics/history', { params: { query }, signal }));
    },
  });

/** What people marked in that time, newest first. */
export const marks = (span: string) =>
  queryOptions({
    queryKey: ['queues', 'marks', span],
    queryFn: async ({ signal }) =>
      (await answered(api.GET('/api/marks', { params: { query: { from: begin(span), limit: 100 } }, signal }))).items,
  });

export function makeMark(body: Schema<'MarkRequest'>) {
  return answered(api.POST('/api/marks', { body }));
}

export function removeMark(id: string) {
  return answered(api.DELETE('/api/marks/{id}', { params: { path: { id } } }));
}
