import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';
import { graphOf } from './graph';
import { paged } from './paged';

export type Resource = Schema<'ResourceView'>;
export type ResourceDetail = Schema<'ResourceDetail'>;
export type ResourceAt = Schema<'ResourceAt'>;

/** What resources can be listed by; the names are the api's, and those in the address. */
export const RESOURCE_FILTERS = ['name', 'state', 'type', 'application', 'provider', 'labels'] as const;

export type ResourceFilter = Partial<Record<(typeof RESOURCE_FILTERS)[number], string>>;

/** Resources, newest first. */
export const resourceList = (filter: ResourceFilter) =>
  paged<Resource>(['resources', 'list', filter], (at, signal) =>
    answered(api.GET('/api/resources', { params: { query: { ...filter, ...at } }, signal })),
  );

/** A resource with its outputs and history. */
export const resource = (id: string) =>
  queryOptions({
    queryKey: ['resources', 'one', id],
    queryFn: ({ signal }) => answered(api.GET('/api/resources/{id}', { params: { path: { id } }, signal })),
  });

/** What happened to it, newest first; without `all` only what became of itself, not what its runs did. */
export const resourceHistory = (id: string, all: boolean) =>
  paged<Schema<'HistoryEntry'>>(['resources', 'history', id, all], (at, signal) =>
    answered(api.GET('/api/resources/{id}/history', { params: { path: { id }, query: { own: !all, ...at } }, signal })),
  );

/** Who uses it, beyond those that come with it and end at `from`. */
export const moreUsers = (id: string, from: string) =>
  paged<Schema<'ResourceUse'>>(['resources', 'users', id, from], (at, signal) =>
    answered(
      api.GET('/api/resources/{id}/users', { params: { path: { id }, query: { cursor: from, ...at } }, signal }),
    ),
  );

/** Who uses it, what it needs and what needs it, as a graph. */
export const resourceGraph = (id: string) =>
  queryOptions({
    queryKey: ['resources', 'graph', id],
    queryFn: ({ signal }) =>
      graphOf(answered(api.GET('/api/resources/{id}/graph', { params: { path: { id } }, signal }))),
  });

/** What it looked like at a moment, which is an RFC 3339 time. */
export const resourceAt = (id: string, at: string) =>
  queryOptions({
    queryKey: ['resources', 'at', id, at],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/resources/{id}/snapshot', { params: { path: { id }, query: { at } }, signal })),
    staleTime: 60_000,
  });

/** The versions of the state that its tool keeps, newest first; none for tools that keep none. */
export const stateVersions = (id: string) =>
  paged(['resources', 'state', id], (query, signal) =>
    answered(api.GET('/api/resources/{id}/state/versions', { params: { path: { id }, query }, signal })),
  );

/** One output as it is; the api writes down who asked. */
export function revealOutput({ id, name }: { id: string; name: string }) {
  return answered(api.GET('/api/resources/{id}/outputs/{name}', { params: { path: { id, name } } }));
}

/** Has its provider look at it: refreshes outputs, finds drift. */
export function readResource(id: string) {
  return answered(api.POST('/api/resources/{id}/read', { params: { path: { id } } }));
}

/** Has it made as it is wanted: puts an end to drift. */
export function reconcileResource(id: string) {
  return answered(api.POST('/api/resources/{id}/reconcile', { params: { path: { id } } }));
}

/** Has a failed one tried once more. */
export function retryResource(id: string) {
  return answered(api.POST('/api/resources/{id}/retry', { params: { path: { id } } }));
}

export type Verdict = 'adopt' | 'forget';

/** What a person says about one that no run can mend. */
export function decide({ id, verdict, reason }: { id: string; verdict: Verdict; reason: string }) {
  const params = { path: { id } };
  const body = reason === '' ? {} : { reason };
  return verdict === 'adopt'
    ? answered(api.POST('/api/resources/{id}/adopt', { params, body }))
    : answered(api.POST('/api/resources/{id}/forget', { params, body }));
}

/** What an operation on it would run. It is a run itself; when it is not over soon, its id comes alone. */
export function planResource({ id, operation }: { id: string; operation: string }) {
  return answered(api.POST('/api/resources/{id}/plan', { params: { path: { id } }, body: { operation } }));
}

export function rollBackState({ id, version }: { id: string; version: number }) {
  return answered(api.POST('/api/resources/{id}/state/rollback', { params: { path: { id } }, body: { version } }));
}

export function unlockState(id: string) {
  return answered(api.POST('/api/resources/{id}/state/unlock', { params: { path: { id } } }));
}
