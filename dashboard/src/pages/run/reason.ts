import type { Run } from '../../api/runs';
import type { Tone } from '../../design/Status';

/** What the codes of reasons mean; the api's own words are better where there are any. */
export const REASONS: Record<string, string> = {
  WaitingForDependency: 'waits for what it depends on',
  DependencyFailed: 'what it depends on has failed',
  BackingOff: 'waits before it tries again',
  WaitingForApproval: 'waits for an approval',
  WaitingForStart: 'waits for somebody to start a step',
  WaitingForChild: 'waits for a run that it started',
  Delayed: 'waits for a time',
  ConcurrencyGroup: 'waits for another run of its group',
  NoWorkerForQueue: 'no worker serves its queue',
  QueueFull: 'every slot of its queue is taken',
  Fairness: 'every slot of its queue is taken, and teams that have less of them go first',
  QueuePaused: 'its queue is paused',
  QueueLimit: 'as many runs of its queue go as may at once',
  TeamQuota: 'its team uses all that it may',
  TeamLimit: 'as many runs of its team go as may at once',
  TypeLimit: 'as many runs on resources of its type go as may at once',
  ProviderLimit: 'as many runs of its provider go as may at once',
  FreezeWindow: 'a freeze is on, and it would change something',
  Promoting: 'is about to be queued',
};

/** Why a run failed, or does not go on, in one line; nothing for one that goes on or went well. */
export function reasonOf(
  run: Pick<Run, 'status' | 'error_code' | 'error_message' | 'reason' | 'reason_detail' | 'cancel_reason'>,
): { tone: Tone; text: string } | undefined {
  if (run.status === 'failed') return { tone: 'bad', text: run.error_message ?? run.error_code ?? 'it failed' };
  if (run.status === 'cancelled') {
    return run.cancel_reason == null ? undefined : { tone: 'idle', text: run.cancel_reason };
  }
  if (run.status === 'completed' || run.reason == null) return undefined;
  const tone = run.reason === 'DependencyFailed' || run.reason === 'NoWorkerForQueue' ? 'bad' : 'warn';
  return { tone, text: run.reason_detail ?? REASONS[run.reason] ?? run.reason };
}
