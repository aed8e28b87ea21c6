/** Lengths and times in words. Pure, so that they can be tested. */

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** Between a number and its unit: they stay on one line. */
const SPACE = '\u00a0';

/** A length of time by its two largest units, which stay together: `340 ms`, `4.2 s`, `1 m 05 s`, `3 h 20 m`, `2 d 4 h`. */
export function lengthOf(seconds: number): string {
  const length = Math.max(0, seconds);
  if (length < 1) return `${String(Math.round(length * 1000))}${SPACE}ms`;
  if (length < 59.95)
    return `${length < 10 ? length.toFixed(1).replace(/\.0$/, '') : String(Math.round(length))}${SPACE}s`;
  const whole = Math.round(length);
  const at = UNITS.findIndex(([, size]) => whole >= size);
  const [unit, size] = UNITS[at] ?? UNITS[3];
  const next = UNITS[at + 1];
  const first = `${String(Math.floor(whole / size))}${SPACE}${unit}`;
  if (next === undefined) return first;
  const rest = Math.floor((whole % size) / next[1]);
  return rest === 0 ? first : [first, String(rest).padStart(next[0] === 'h' ? 1 : 2, '0'), next[0]].join(SPACE);
}

/** How long ago, or how soon: `just now`, `40 s ago`, `in 5 m`. */
export function relative(at: number, now: number): string {
  const seconds = Math.round((now - at) / 1000);
  const far = Math.abs(seconds);
  if (far < 5) return seconds < 0 ? 'in a moment' : 'just now';
  const coarse = far < 60 ? `${String(far)}${SPACE}s` : (/^\d+\s\w+/.exec(lengthOf(far))?.[0] ?? '');
  return seconds < 0 ? `in ${coarse}` : `${coarse} ago`;
}

/** The exact time, to the second, by the clock that was chosen: `2026-11-21 11:30:05 UTC`. */
export function exact(at: number, zone: 'local' | 'utc'): string {
  const date = new Date(at);
  if (zone === 'utc') return `${date.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  const two = (part: number) => String(part).padStart(2, '0');
  const day = `${String(date.getFullYear())}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const offset = -date.getTimezoneOffset();
  const hours = two(Math.floor(Math.abs(offset) / 60));
  const shift = `${offset < 0 ? '−' : '+'}${hours}:${two(Math.abs(offset) % 60)}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${shift}`;
}

/** A number as people write it, with thin groups of three. */
export function figure(value: number, digits = 0): string {
  const [whole = '', part] = Math.abs(value).toFixed(digits).split('.');
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, '\u202f');
  return `${value < 0 ? '−' : ''}${grouped}${part === undefined ? '' : `.${part}`}`;
}

/** `1 run`, `3 runs`. */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${figure(number)} ${number === 1 ? one : many}`;
}

/** The part of an id that people compare by eye: of ids that sort by time, the end is what differs. */
export function short(id: string): string {
  return id.slice(-8);
}

const SIZES = ['B', 'KB', 'MB', 'GB', 'TB'] as const;

/** A size in bytes, with two digits that count at least: `340 B`, `1.2 KB`, `50 GB`. */
export function bytes(size: number): string {
  const power = Math.min(SIZES.length - 1, size < 1000 ? 0 : Math.floor(Math.log10(size) / 3));
  const part = size / 1000 ** power;
  const words = power === 0 || part >= 100 ? String(Math.round(part)) : part.toFixed(1).replace(/\.0$/, '');
  return `${words} ${SIZES[power] ?? 'B'}`;
}
