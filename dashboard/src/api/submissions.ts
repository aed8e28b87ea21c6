import { queryOptions } from '@tanstack/react-query';

import type { Change } from './applications';
import { answered, api, onceKey, type Schema } from './client';

export type Submitted = Schema<'SubmissionAnswer'>;

/** What would become of one resource. */
export interface Planned {
  action: 'create' | 'update' | 'compare' | 'note' | 'delete' | 'release' | 'keep';
  name: string;
  type: string;
  /** What makes two requests the same resource. */
  identity: string;
  params: Change[];
  /** What has to be done before. */
  after: string[];
  provider: string | null;
  workflow: string | null;
  /** Why it could not be done. */
  problem: string | null;
}

/** What a submission would change. The api's description tells only of the answer to one that counts. */
export interface Rehearsal {
  application: string;
  created: boolean;
  changes: Planned[];
  problems: number;
  message: string;
  notes: string[];
  warnings: { message?: string }[];
}

/** A Score file and what is said beside it. */
export interface Submission {
  score: string;
  team: string;
  ttl: string;
}

const request = ({ score, team, ttl }: Submission, dryRun: boolean, signal?: AbortSignal) =>
  answered(
    api.POST('/api/specs', {
      params: {
        query: { dry_run: dryRun, ...(team === '' ? {} : { team }), ...(ttl === '' ? {} : { ttl }) },
        ...(dryRun ? {} : { header: { 'Idempotency-Key': onceKey() } }),
      },
      headers: { 'content-type': 'application/yaml' },
      body: score,
      // As it is: what is sent by default is JSON.
      bodySerializer: () => score,
      ...(signal === undefined ? {} : { signal }),
    }),
  );

/** What submitting it would do. */
export const rehearsal = (submission: Submission) =>
  queryOptions({
    queryKey: ['submissions', 'rehearsal', submission],
    queryFn: async ({ signal }) => (await request(submission, true, signal)) as unknown as Rehearsal,
    retry: false,
    enabled: submission.score.trim() !== '',
    gcTime: 30_000,
  });

/** Submits it. */
export function submit(submission: Submission): Promise<Submitted> {
  return request(submission, false);
}
