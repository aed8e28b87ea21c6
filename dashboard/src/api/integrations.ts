import { answered, api, type Schema } from './client';
import { paged } from './paged';

export type Integration = Schema<'IntegrationView'>;

/** Credentials for other systems, by name, without their secrets. */
export const integrations = paged<Integration>(['integrations'], (query, signal) =>
  answered(api.GET('/api/integrations', { params: { query }, signal })),
);

/** Stores one, in place of an earlier one of the name; the api tries it first, where it can. */
export function putIntegration(name: string, body: Record<string, unknown>) {
  return answered(api.PUT('/api/integrations/{name}', { params: { path: { name } }, body }));
}

export function checkIntegration(name: string) {
  return answered(api.POST('/api/integrations/{name}/check', { params: { path: { name } } }));
}

export function removeIntegration(name: string) {
  return answered(api.DELETE('/api/integrations/{name}', { params: { path: { name } } }));
}
