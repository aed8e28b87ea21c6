import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';
import { paged } from './paged';

export type Entry = Schema<'AuditView'>;

/** What the record can be listed by; the names are the api's, and those in the address. */
export const AUDIT_FILTERS = ['actor', 'action', 'object', 'team', 'outcome', 'since', 'until'] as const;

export type AuditFilter = Partial<Record<(typeof AUDIT_FILTERS)[number], string>>;

/** Who did what, newest first. */
export const auditList = (filter: AuditFilter) =>
  paged<Entry>(['audit', 'list', filter], (at, signal) =>
    answered(api.GET('/api/audit', { params: { query: { ...filter, ...at } }, signal })),
  );

/** Where the record ends, and how its streams to elsewhere stand. */
export const auditHead = queryOptions({
  queryKey: ['audit', 'head'],
  queryFn: ({ signal }) => answered(api.GET('/api/audit/head', { signal })),
});

/** The whole of it, a JSON object a line. */
export const AUDIT_EXPORT = '/api/audit/export';

/**
 * The number of the first entry that does not name the hash of the one before it, of those that follow each other in
 * `entries`, newest first; nothing while all of them hold together.
 */
export function brokenAt(entries: readonly Pick<Entry, 'seq' | 'hash' | 'previous'>[]): number | undefined {
  for (const [at, { seq, previous }] of entries.entries()) {
    const before = entries[at + 1];
    if (seq == null || before?.seq == null || before.seq !== seq - 1) continue;
    if (previous !== before.hash) return seq;
  }
  return undefined;
}
