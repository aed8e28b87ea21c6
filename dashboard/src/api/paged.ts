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

/** Items that a list has at most which is read as a whole; the api loads no more than 5,000 providers. */
const MOST = 10_000;

/** A list of what there are few of, which is looked through by words: every page of it. */
export async function whole<T>(fetch: (at: { cursor?: string; limit: number }) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await fetch({ limit: 500, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && items.length < MOST);
  return items;
}

function flat<T>(data: InfiniteData<Page<T>, string | undefined>): T[] {
  return data.pages.flatMap((page) => page.items);
}
