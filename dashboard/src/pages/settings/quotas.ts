import { ApiProblem } from '../../api/problem';
import { bytes } from '../../design/words';

/** Numbers by name in words: `postgres 5, s3 20`. */
export function sayAmounts(amounts: Readonly<Record<string, number>>): string {
  return Object.entries(amounts)
    .map(([name, number]) => `${name} ${String(number)}`)
    .join(', ');
}

/** The reverse of {@link sayAmounts}; `=` and `:` may stand between name and number. */
export function amounts(text: string, field: string): Record<string, number> {
  const found: Record<string, number> = {};
  for (const part of text.split(',').map((one) => one.trim())) {
    if (part === '') continue;
    const [, name, number] = /^([^\s=:]+)[\s=:]+(\d+)$/.exec(part) ?? [];
    if (name === undefined) {
      throw ApiProblem.mistake(field, `“${part}” is no name with a number, as “postgres 5”`);
    }
    found[name] = Number(number);
  }
  return found;
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** A size as people write it, `5 GB`, in bytes; none when nothing is written. */
export function readBytes(text: string, field: string): number | null {
  if (text.trim() === '') return null;
  const [, number, unit = 'B'] = /^([\d.]+)\s*([a-z]+)?$/i.exec(text.trim()) ?? [];
  const power = UNITS.indexOf(unit.toUpperCase());
  if (number === undefined || power === -1) throw ApiProblem.mistake(field, `“${text}” is no size as “5 GB”`);
  return Math.round(Number(number) * 1000 ** power);
}

/** A size to be changed: as {@link readBytes} reads exactly it again. */
export function exactBytes(size: number): string {
  const words = bytes(size);
  return readBytes(words, '') === size ? words : String(size);
}
