import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';
import { paged } from './paged';

export type Person = Schema<'PersonView'>;

/** Who looks at the page. */
export const whoami = queryOptions({
  queryKey: ['whoami'],
  queryFn: ({ signal }) => answered(api.GET('/api/whoami', { signal })),
  staleTime: 60_000,
});

/** The logins of one's own browsers. */
export const sessions = paged<Schema<'SessionView'>>(['sessions'], (query, signal) =>
  answered(api.GET('/api/sessions', { params: { query }, signal })),
);

export function endSession(id: string) {
  return answered(api.DELETE('/api/sessions/{id}', { params: { path: { id } } }));
}

/** The people who are known, by name, those who are kept out too. */
export const people = paged<Person>(['people'], (at, signal) =>
  answered(api.GET('/api/people', { params: { query: { ...at, disabled: true } }, signal })),
);
