import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';

import { searchLog, type LogMatch, type LogSearch, type LogSelection } from '../api/logs';

/** Requests that count on; what is longer than that is said to be more. Each takes ten seconds at most. */
const COUNTED = 6;

export interface Found {
  /** Matches that were told so far, by the cursors of their lines. */
  byCursor: ReadonlyMap<number, LogMatch>;
  /** The one that one is at. */
  current: LogMatch | undefined;
  /** Which of them that is, from 1. */
  at: number;
  /** How many lines match; nothing while they are counted. */
  count: { lines: number; more: boolean } | undefined;
  searching: boolean;
  error: unknown;
  /** To the next, or the one before; the first again after the last that was told. */
  go: (by: 1 | -1) => void;
  again: () => void;
}

/** What is found in a log by the api: all that there is, not what happens to be here. */
export function useSearch(id: string, selection: LogSelection, search: LogSearch): Found {
  const asked = search.q !== '';
  const key = ['runs', 'log search', id, selection, search];
  const [place, setPlace] = useState({ key: '', index: 0 });
  const matches = useInfiniteQuery({
    queryKey: [...key, 'matches'],
    queryFn: ({ pageParam, signal }) => searchLog(id, selection, search, { from: pageParam, count: false }, signal),
    initialPageParam: 1,
    getNextPageParam: (last) => last.next ?? undefined,
    enabled: asked,
    staleTime: Infinity,
    retry: false,
  });
  const told = useMemo(() => matches.data?.pages.flatMap((page) => page.matches) ?? [], [matches.data]);
  const all = matches.data !== undefined && !matches.hasNextPage;
  const counted = useQuery({
    queryKey: [...key, 'count'],
    queryFn: async ({ signal }) => {
      let [lines, from] = [0, 1];
      for (let requests = 0; requests < COUNTED; requests += 1) {
        const part = await searchLog(id, selection, search, { from, count: true, limit: 1 }, signal);
        lines += part.count;
        if (part.complete || part.resume == null) return { lines, more: false };
        from = part.resume;
      }
      return { lines, more: true };
    },
    enabled: asked && matches.data !== undefined && !all,
    staleTime: Infinity,
    retry: false,
  });

  const here = JSON.stringify(key);
  const index = place.key === here ? place.index : 0;
  const go = (by: 1 | -1) => {
    if (told.length === 0) return;
    const next = index + by;
    if (next < told.length) setPlace({ key: here, index: next < 0 ? told.length - 1 : next });
    else if (matches.hasNextPage) void matches.fetchNextPage().then(() => setPlace({ key: here, index: next }));
    else setPlace({ key: here, index: 0 });
  };
  return {
    byCursor: useMemo(() => new Map(told.map((match) => [match.cursor, match])), [told]),
    current: asked ? told[Math.min(index, told.length - 1)] : undefined,
    at: index + 1,
    count: all ? { lines: told.length, more: false } : counted.data,
    searching: asked && (matches.isFetching || counted.isFetching),
    error: asked ? (matches.error ?? counted.error) : null,
    go,
    again: () => {
      void matches.refetch();
      if (counted.data !== undefined) void counted.refetch();
    },
  };
}
