import { answered, api, onceKey, type Schema } from './client';
import { paged } from './paged';

export type Key = Schema<'KeyView'>;
export type NewKey = Schema<'NewKeyAnswer'>;
export type Account = Schema<'AccountView'>;

const once = () => ({ 'Idempotency-Key': onceKey() });

/** One's own keys, or everybody's for those who may see them; newest first. */
export const keyList = paged<Key>(['keys', 'list'], (at, signal) =>
  answered(api.GET('/api/keys', { params: { query: at }, signal })),
);

/** Makes a key; with `account`, of that service account. Its secret is in the answer and nowhere else. */
export function makeKey({ account, ...body }: Schema<'KeyRequest'> & { account: string }): Promise<NewKey> {
  if (account === '') return answered(api.POST('/api/keys', { params: { header: once() }, body }));
  const params = { path: { name: account }, header: once() };
  return answered(api.POST('/api/service-accounts/{name}/keys', { params, body }));
}

export function rotateKey(id: string, overlap: string): Promise<NewKey> {
  const params = { path: { id }, header: once() };
  return answered(api.POST('/api/keys/{id}/rotate', { params, body: overlap === '' ? {} : { overlap } }));
}

export function revokeKey(id: string) {
  return answered(api.DELETE('/api/keys/{id}', { params: { path: { id } } }));
}

/** Accounts of programs, by name, disabled ones too. */
export const accounts = paged<Account>(['accounts', 'list'], (at, signal) =>
  answered(api.GET('/api/service-accounts', { params: { query: { disabled: true, ...at } }, signal })),
);

export function makeAccount(body: Schema<'AccountRequest'>) {
  return answered(api.POST('/api/service-accounts', { params: { header: once() }, body }));
}

export function disableAccount({ name, disabled }: { name: string; disabled: boolean }) {
  return answered(api.PUT('/api/service-accounts/{name}/disabled', { params: { path: { name } }, body: { disabled } }));
}
