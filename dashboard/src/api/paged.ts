import { infiniteQueryOptions, type InfiniteData, type QueryKey } from '@tanstack/react-query';

/** One page of a list that goes on by cursor. */
export interface Page<T> {
  items: T[];
  next_cursor?: string | null;
}

/** Items that a page asks for: two screens of them. */
export const PAGE_LENGTH = 50;

/** The query of a list that goes on by cursor: `fetch` asks for the page at a cursor. */
export function paged<T>(
  queryKey: QueryKey,
  fetch: (at: { cursor?: string; limit: number }, signal: AbortSignal) => Promise<Page<T>>,
) {
  return infiniteQueryOptions<Page<T>, Error, T[], QueryKey, string | undefined>({
    queryKey,
    queryFn: ({ pageParam, signal }) =>
      fetch({ limit: PAGE_LENGTH, ...(pageParam === undefined ? {} : { cursor: pageParam }) }, signal),
    initialPageParam: undefined,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    select: flat,
  });
}

function flat<T>(data: InfiniteData<Page<T>, string | undefined>): T[] {
  return data.pages.flatMap((page) => page.items);
}
