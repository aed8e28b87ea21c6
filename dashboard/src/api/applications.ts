import { queryOptions } from '@tanstack/react-query';

import { answered, api, onceKey, type Schema } from './client';
import { graphOf } from './graph';
import { paged } from './paged';

export type Application = Schema<'ApplicationView'>;
export type ApplicationDetail = Schema<'ApplicationDetail'>;
export type Generation = Schema<'GenerationView'>;
export type GenerationDetail = Schema<'GenerationDetail'>;
/** One place at which two documents differ. */
export type Change = Schema<'ChangeView'>;

/** What applications can be listed by; the names are the api's, and those in the address. */
export const APPLICATION_FILTERS = ['team', 'labels', 'deleted'] as const;

export type ApplicationFilter = Partial<Record<(typeof APPLICATION_FILTERS)[number], string>>;

/** The names of the newest applications: what the palette completes. */
export const applicationNames = queryOptions({
  queryKey: ['applications', 'names'],
  queryFn: async ({ signal }) => {
    const page = await answered(api.GET('/api/specs', { params: { query: { limit: 500 } }, signal }));
    return page.items.map((application) => application.name);
  },
  staleTime: 30_000,
});

/** Applications, newest first. */
export const applicationList = ({ deleted, ...filter }: ApplicationFilter) =>
  paged<Application>(['applications', 'list', filter, deleted], (at, signal) =>
    answered(
      api.GET('/api/specs', {
        params: { query: { ...filter, ...(deleted === 'true' ? { deleted: true } : {}), ...at } },
        signal,
      }),
    ),
  );

/** The live application of a name, or the one deleted last. */
export const application = (name: string) =>
  queryOptions({
    queryKey: ['applications', 'one', name],
    queryFn: ({ signal }) => answered(api.GET('/api/specs/{name}', { params: { path: { name } }, signal })),
  });

/** What it consists of and what happened to that, as a graph. */
export const applicationGraph = (name: string) =>
  queryOptions({
    queryKey: ['applications', 'graph', name],
    queryFn: ({ signal }) =>
      graphOf(answered(api.GET('/api/graph/{app}', { params: { path: { app: name } }, signal }))),
  });

/** What was submitted, newest first. This list's cursor is asked for as a number. */
export const generations = (name: string) =>
  paged<Generation>(['applications', 'generations', name], ({ cursor, limit }, signal) => {
    const query = { limit, ...(cursor === undefined ? {} : { cursor: Number(cursor) }) };
    return answered(api.GET('/api/specs/{name}/generations', { params: { path: { name }, query }, signal }));
  });

/** One generation, and where it differs from the one before. It never changes. */
export const generation = (name: string, number: number) =>
  queryOptions({
    queryKey: ['applications', 'generation', name, number],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/specs/{name}/generations/{number}', { params: { path: { name, number } }, signal })),
    staleTime: 60_000,
  });

export function rollBack({ name, generation }: { name: string; generation: number }) {
  return answered(
    api.POST('/api/specs/{name}/rollback', {
      params: { path: { name }, header: { 'Idempotency-Key': onceKey() } },
      body: { generation },
    }),
  );
}

export function protect({ name, on }: { name: string; on: boolean }) {
  return answered(api.PUT('/api/specs/{name}/protection', { params: { path: { name } }, body: { protected: on } }));
}

/** `ttl` as `8h`; empty: no end. */
export function liveFor({ name, ttl }: { name: string; ttl: string }) {
  return answered(
    api.PUT('/api/specs/{name}/ttl', { params: { path: { name } }, body: { ttl: ttl === '' ? null : ttl } }),
  );
}

export function deleteApplication(name: string) {
  return answered(api.DELETE('/api/specs/{name}', { params: { path: { name } } }));
}
