import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';
import { whole } from './paged';

export type View = Schema<'ViewView'>;

/** Filters of a page that were kept under a name: one's own and one's teams'. */
export const views = (page: string) =>
  queryOptions({
    queryKey: ['views', page],
    queryFn: ({ signal }) =>
      whole((at) => answered(api.GET('/api/views', { params: { query: { page, ...at } }, signal }))),
    staleTime: 60_000,
  });

/** Without `team`: for oneself. One of the same name is replaced. */
export function keepView({ team, ...view }: { page: string; name: string; query: string; team: string }) {
  return answered(api.POST('/api/views', { body: { ...view, ...(team === '' ? {} : { team }) } }));
}

export function forgetView(id: string) {
  return answered(api.DELETE('/api/views/{id}', { params: { path: { id } } }));
}
