import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';
import { paged, whole } from './paged';

export type Provider = Schema<'ProviderView'>;
export type ProviderDetail = Schema<'ProviderDetail'>;
export type Workflow = Schema<'WorkflowView'>;
export type Source = Schema<'SourceView'>;
/** What came of looking at every source. */
export type Look = Schema<'LookView'>;

/** Every provider that is loaded, in every version. */
export const providers = queryOptions({
  queryKey: ['providers', 'list'],
  queryFn: ({ signal }) => whole((query) => answered(api.GET('/api/providers', { params: { query }, signal }))),
});

const at = (version: string | undefined) => (version === undefined ? {} : { version });

/** One version of a provider; without a version, the one that serves by default. */
export const provider = (name: string, version?: string) =>
  queryOptions({
    queryKey: ['providers', 'one', name, version],
    queryFn: ({ signal }) =>
      answered(api.GET('/api/providers/{name}', { params: { path: { name }, query: at(version) }, signal })),
  });

/** The workflows of one version of a provider. */
export const workflows = (name: string, version?: string) =>
  queryOptions({
    queryKey: ['providers', 'workflows', name, version],
    queryFn: ({ signal }) =>
      whole((page) =>
        answered(
          api.GET('/api/providers/{name}/workflows', {
            params: { path: { name }, query: { ...at(version), ...page } },
            signal,
          }),
        ),
      ),
  });

/** Where providers are fetched from. */
export const sources = paged<Source>(['providers', 'sources'], (query, signal) =>
  answered(api.GET('/api/admin/providers/sources', { params: { query }, signal })),
);

/** Fetches every source and swaps the set of providers if it is whole. `undefined`: it goes on by itself. */
export async function reloadProviders(): Promise<Look | undefined> {
  return answered<Look | undefined>(api.POST('/api/admin/providers/reload'));
}

/** As a reload, and changes nothing. */
export async function checkProviders(): Promise<Look | undefined> {
  return answered<Look | undefined>(api.GET('/api/admin/providers/validate'));
}

export function addSource(body: Schema<'SourceRequest'>) {
  return answered(api.POST('/api/admin/providers/sources', { body }));
}

export function removeSource(name: string) {
  return answered(api.DELETE('/api/admin/providers/sources/{name}', { params: { path: { name } } }));
}
