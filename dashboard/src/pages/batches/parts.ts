import type { Tone } from '../../design/Status';

/** How far something with resources is, for its bar. */
export function partsOf(it: {
  succeeded: number;
  failed: number;
  skipped: number;
  in_flight: number;
}): readonly (readonly [Tone, number])[] {
  return [
    ['ok', it.succeeded],
    ['bad', it.failed],
    ['idle', it.skipped],
    ['info', it.in_flight],
  ];
}

/** Params as people write them, `size=large, tier=2`; `null` takes back what a batch had set. */
export function readParams(text: string): Record<string, unknown> {
  const pairs = text
    .split(/,\s*/)
    .filter((pair) => pair.trim() !== '')
    .map((pair): [string, unknown] => {
      const at = pair.indexOf('=');
      if (at < 1) throw new Error(`“${pair}” is no name with a value, as “size=large”`);
      return [pair.slice(0, at).trim(), valueOf(pair.slice(at + 1).trim())];
    });
  return Object.fromEntries(pairs);
}

function valueOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
