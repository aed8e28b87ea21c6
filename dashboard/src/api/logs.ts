import { queryOptions } from '@tanstack/react-query';

import { answered, api, type Schema } from './client';

export type LogLine = Schema<'LineOut'>;
export type LogRange = Schema<'LogRange'>;

/** Which part of a run's log: all of it, a step's, or an attempt's. */
export interface LogSelection {
  step?: string;
  attempt?: number;
}

/** What to look for in a log. */
export interface LogSearch {
  q: string;
  regex: boolean;
  ignoreCase: boolean;
}

/** Matches that are told together. */
const TOLD = 200;

/** Lines of a log from a place in it on (`from`), or before one. */
export function logLines(
  id: string,
  query: LogSelection & { from?: number; before?: number; limit: number },
  signal?: AbortSignal,
): Promise<LogRange> {
  return answered(
    api.GET('/api/workflows/{id}/logs/lines', {
      params: { path: { id }, query },
      ...(signal === undefined ? {} : { signal }),
    }),
  );
}

/** Lines that match, from a place on. `count` of all that do costs reading the log to its end. */
export function searchLog(
  id: string,
  selection: LogSelection,
  { q, regex, ignoreCase }: LogSearch,
  { from, count, limit = TOLD }: { from: number; count: boolean; limit?: number },
  signal?: AbortSignal,
) {
  const query = { ...selection, q, regex, ignore_case: ignoreCase, from, count, limit };
  return answered(
    api.GET('/api/workflows/{id}/logs/search', {
      params: { path: { id }, query },
      ...(signal === undefined ? {} : { signal }),
    }),
  );
}

export type SearchResult = Awaited<ReturnType<typeof searchLog>>;
export type LogMatch = SearchResult['matches'][number];

/** The last lines that a step printed, of its attempt of that number or of all. */
export const lastStepLines = (id: string, step: string, attempt: number | undefined, most: number) =>
  queryOptions({
    queryKey: ['runs', 'last lines', id, step, attempt, most],
    queryFn: async ({ signal }) => {
      const query = { step, before: Number.MAX_SAFE_INTEGER, limit: most };
      return (await logLines(id, attempt === undefined ? query : { ...query, attempt }, signal)).lines;
    },
  });

/** Where the log, or a part of it, is as a file. */
export function downloadAddress(id: string, selection: LogSelection, timestamps = false): string {
  const query = new URLSearchParams();
  if (selection.step !== undefined) query.set('step', selection.step);
  if (selection.attempt !== undefined) query.set('attempt', String(selection.attempt));
  if (timestamps) query.set('timestamps', 'true');
  const text = query.toString();
  return `/api/workflows/${id}/logs/download${text === '' ? '' : `?${text}`}`;
}

/** Where lines after a cursor come from as they are written. */
export function socketAddress(here: Location, id: string, selection: LogSelection, after: number): string {
  const address = new URL(`/ws/workflows/${id}/logs`, here.href);
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:';
  if (selection.step !== undefined) address.searchParams.set('step', selection.step);
  if (selection.attempt !== undefined) address.searchParams.set('attempt', String(selection.attempt));
  address.searchParams.set('after', String(after));
  return address.href;
}
