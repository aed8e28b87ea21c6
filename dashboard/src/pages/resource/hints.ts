import type { ResourceDetail } from '../../api/resources';

/** Where to go on from a resource: an address that it gives, or a command. */
export type Hint = { kind: 'link'; name: string; address: string } | { kind: 'command'; what: string; command: string };

type Told = Pick<ResourceDetail, 'id' | 'state' | 'name' | 'outputs' | 'sensitive_outputs' | 'drift_since'>;

/** What one could want next, for a resource that stands like this. */
export function hintsFor(it: Told): Hint[] {
  const hints: Hint[] = [];
  for (const [name, value] of Object.entries(it.outputs)) {
    // Of what a provider gives, only addresses of the web are links, and only those that are what they look like: nothing else
    // can be meant for a browser.
    if (
      typeof value !== 'string' ||
      it.sensitive_outputs.includes(name) ||
      !/^https?:\/\/[^\s@\p{Cc}\p{Cf}]+$/u.test(value)
    )
      continue;
    hints.push({ kind: 'link', name, address: value });
  }
  if (it.state === 'failed') {
    hints.push({ kind: 'command', what: 'Try again', command: `slipway resource retry ${it.id}` });
    hints.push({ kind: 'command', what: 'Take it as it is', command: `slipway resource adopt ${it.id}` });
  }
  if (it.drift_since != null) {
    hints.push({ kind: 'command', what: 'See what would put it right', command: `slipway resource plan ${it.id}` });
  }
  hints.push({ kind: 'command', what: 'Look at it from a terminal', command: `slipway resource get ${it.id}` });
  return hints;
}
