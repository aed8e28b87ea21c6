import { queryOptions } from '@tanstack/react-query';

import { answered, api, onceKey, type Schema } from './client';
import { graphOf } from './graph';
import { paged } from './paged';

export type Run = Schema<'RunView'>;
export type RunDetail = Schema<'RunDetail'>;
export type Step = Schema<'StepView'>;
export type Attempt = Schema<'AttemptView'>;

/** What runs can be listed by; the names are the api's, and those in the address. */
export const RUN_FILTERS = [
  'status',
  'kind',
  'operation',
  'application',
  'workflow',
  'provider',
  'queue',
  'team',
  'resource',
  'parent',
  'requested_by',
  'error_code',
  'since',
  'until',
  'prefix',
] as const;

export type RunFilter = Partial<Record<(typeof RUN_FILTERS)[number], string>>;

/** Runs, newest first. */
export const runList = (filter: RunFilter) =>
  paged<Run>(['runs', 'list', filter], (at, signal) =>
    answered(api.GET('/api/workflows', { params: { query: { ...filter, ...at } }, signal })),
  );

/** The newest runs, as many as are looked at once. */
export const newestRuns = (filter: RunFilter, limit: number) =>
  queryOptions({
    queryKey: ['runs', 'newest', filter, limit],
    queryFn: ({ signal }) => answered(api.GET('/api/workflows', { params: { query: { ...filter, limit } }, signal })),
  });

/** A run with its steps, their attempts and its history. */
export const run = (id: string) =>
  queryOptions({
    queryKey: ['runs', 'one', id],
    queryFn: ({ signal }) => answered(api.GET('/api/workflows/{id}', { params: { path: { id } }, signal })),
  });

/** A run with everything that is secret in it; the api writes down who asked. */
export async function revealRun(id: string): Promise<RunDetail> {
  return answered(api.GET('/api/workflows/{id}', { params: { path: { id }, query: { reveal: true } } }));
}

export type Explanation = Schema<'ExplanationView'>;

/** Why a run waits, what would end that, and how long it may take. */
export const explanation = (id: string) =>
  queryOptions({
    queryKey: ['runs', 'explained', id],
    queryFn: ({ signal }) => answered(api.GET('/api/workflows/{id}/explain', { params: { path: { id } }, signal })),
    retry: false,
  });

/** The tree of runs that a run is part of, with times. */
export const runGraph = (id: string) =>
  queryOptions({
    queryKey: ['runs', 'graph', id],
    queryFn: ({ signal }) =>
      graphOf(answered(api.GET('/api/workflows/{id}/graph', { params: { path: { id } }, signal }))),
  });

/** Runs that a run's steps started. */
export const childRuns = (id: string) => newestRuns({ parent: id }, 100);

export function cancelRun({ id, reason }: { id: string; reason: string }) {
  return answered(
    api.POST('/api/workflows/{id}/cancel', { params: { path: { id } }, body: reason === '' ? {} : { reason } }),
  );
}

export function retryRun({ id, fromStep }: { id: string; fromStep?: string }) {
  return answered(
    api.POST('/api/workflows/{id}/retry', {
      params: { path: { id }, header: { 'Idempotency-Key': onceKey() } },
      body: fromStep === undefined ? {} : { from_step: fromStep },
    }),
  );
}

export function rerunRun({ id, inputs }: { id: string; inputs: Record<string, unknown> }) {
  return answered(
    api.POST('/api/workflows/{id}/rerun', {
      params: { path: { id }, header: { 'Idempotency-Key': onceKey() } },
      body: { inputs },
    }),
  );
}

/** What a person says to a step that waits for one. */
export function tellStep({ id, step, verb, reason }: { id: string; step: string; verb: Verb; reason: string }) {
  const params = { path: { id, step }, header: { 'Idempotency-Key': onceKey() } };
  const body = reason === '' ? {} : { reason };
  switch (verb) {
    case 'approve':
      return answered(api.POST('/api/workflows/{id}/steps/{step}/approve', { params, body }));
    case 'reject':
      return answered(api.POST('/api/workflows/{id}/steps/{step}/reject', { params, body }));
    case 'start':
      return answered(api.POST('/api/workflows/{id}/steps/{step}/start', { params }));
  }
}

export type Verb = 'approve' | 'reject' | 'start';

/** Whether nothing more happens to it. */
export function over(run: Pick<Run, 'status'>): boolean {
  return run.status === 'completed' || run.status === 'failed' || run.status === 'cancelled';
}
