/** What the kind of an event says already, or only the engine has a use for. */
const LEFT_OUT = new Set(['status', 'attempt_status', 'fence', 'kind', 'names']);

/** What an event says beside its name, in one line. */
export function told(data: Record<string, unknown>): string {
  return Object.entries(data)
    .filter(([name, value]) => value !== null && value !== '' && !LEFT_OUT.has(name))
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${word(value)}`)
    .join(' · ');
}

function word(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' && !Number.isInteger(value)) return value.toFixed(1);
  return JSON.stringify(value);
}
