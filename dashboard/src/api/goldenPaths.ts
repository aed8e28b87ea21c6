import { queryOptions } from '@tanstack/react-query';

import { answered, api, onceKey, type Schema } from './client';
import { whole } from './paged';

export type GoldenPath = Schema<'GoldenPathView'>;
export type GoldenPathDetail = Schema<'GoldenPathDetail'>;
export type Parameter = Schema<'ParameterView'>;
/** What a run would do. */
export type Preview = Schema<'PreviewAnswer'>;

/** The golden paths of all providers, by name. */
export const goldenPaths = queryOptions({
  queryKey: ['golden paths', 'list'],
  queryFn: ({ signal }) => whole((query) => answered(api.GET('/api/golden-paths', { params: { query }, signal }))),
});

/** A golden path: what it takes, what it does. `provider` is needed when several have one of that name. */
export const goldenPath = (name: string, provider?: string) =>
  queryOptions({
    queryKey: ['golden paths', 'one', name, provider],
    queryFn: ({ signal }) =>
      answered(
        api.GET('/api/golden-paths/{name}', {
          params: { path: { name }, query: provider === undefined ? {} : { provider } },
          signal,
        }),
      ),
    staleTime: 60_000,
  });

/** Values for a golden path, and for whom it runs. */
export interface Start {
  name: string;
  provider: string;
  team: string;
  inputs: Record<string, unknown>;
}

const request = ({ name, provider, team, inputs }: Start, dryRun: boolean) =>
  answered(
    api.POST('/api/golden-paths/{name}/run', {
      params: { path: { name }, header: { 'Idempotency-Key': onceKey() } },
      body: { provider, inputs, dry_run: dryRun, ...(team === '' ? {} : { team }) },
    }),
  );

/** What it would do with these values; nothing runs. */
export async function previewGoldenPath(start: Start): Promise<Preview> {
  const answer = await request(start, true);
  if (!('plan' in answer)) throw new Error('a run began, where only its plan was asked for');
  return answer;
}

/** Starts it; answers with the run's id. */
export async function startGoldenPath(start: Start): Promise<string> {
  return (await request(start, false)).id;
}
