import type { Resource } from '../../api/resources';
import type { Tone } from '../../design/Status';

type Standing = Pick<
  Resource,
  'state' | 'error_message' | 'waiting_reason' | 'drift_since' | 'uncertain_since' | 'state_uncertain_since'
>;

/** Why a resource is not as it should be, in a line: the worst that is known. */
export function troubleOf(it: Standing): { tone: Tone; text: string } | undefined {
  const failed = it.state === 'failed' || it.state === 'degraded';
  if (failed) return { tone: 'bad', text: it.error_message ?? 'It failed, and nothing says why.' };
  if (it.state_uncertain_since != null) {
    return { tone: 'bad', text: 'The state that is kept for it may be older than what is real: a person must decide.' };
  }
  if (it.uncertain_since != null) return { tone: 'warn', text: 'An update that did not complete may have changed it.' };
  if (it.drift_since != null) return { tone: 'warn', text: 'It differs from what was made.' };
  if (it.waiting_reason != null) return { tone: 'warn', text: it.waiting_reason };
  return undefined;
}
