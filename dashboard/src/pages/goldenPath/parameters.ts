import type { Parameter } from '../../api/goldenPaths';
import { isRecord } from '../../api/problem';
import { readYaml } from '../../score/read';

/** What was typed for a parameter: the value to send, or what is wrong. Neither: its default stands. */
export interface Read {
  value?: unknown;
  mistake?: string;
}

const DURATION = /^\s*(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+\s*$|^\s*\d+(?:\.\d+)?\s*$/;

/** The text that a parameter's field begins with: its default, as one would type it. */
export function firstText({ default: value, type }: Pick<Parameter, 'default' | 'type'>): string {
  const held: unknown = value;
  if (held === null || held === undefined) return type === 'boolean' ? 'false' : '';
  if (typeof held === 'string') return held;
  if (Array.isArray(held) && held.every((item) => typeof item === 'string')) return held.join('\n');
  return JSON.stringify(held, null, 2);
}

/** Reads what was typed, and checks what is known of it here; the api checks all of it again. */
export function readParameter(parameter: Parameter, text: string): Read {
  const { type, required, expected } = parameter;
  const hasDefault = parameter.default !== null && parameter.default !== undefined;
  if (text === firstText(parameter) && (hasDefault || (!required && text === ''))) return {};
  if (text.trim() === '') {
    if (required) return { mistake: `It must be given: ${expected}` };
    // Nothing is a text too; of all other types it is no value.
    return type === 'string' && hasDefault ? checked(parameter, '') : {};
  }
  switch (type) {
    case 'number':
    case 'integer': {
      const number = Number(text);
      const whole = type === 'number' || Number.isInteger(number);
      return Number.isFinite(number) && whole ? checked(parameter, number) : { mistake: `It must be ${expected}` };
    }
    case 'boolean':
      return { value: text === 'true' };
    case 'duration':
      return DURATION.test(text) ? { value: text.trim() } : { mistake: `It must be ${expected}` };
    case 'list': {
      const list = listOf(text);
      return list === undefined ? { mistake: 'It is no list: a line an item, or JSON' } : checked(parameter, list);
    }
    case 'map':
    case 'object': {
      const map = mapOf(text);
      return map === undefined
        ? { mistake: 'It is no mapping: a line as name: value an entry, or JSON' }
        : { value: map };
    }
    default:
      return checked(parameter, text);
  }
}

/** All that was typed: what is sent, or what is wrong by name. */
export function readParameters(parameters: readonly Parameter[], texts: Readonly<Record<string, string>>) {
  const inputs: Record<string, unknown> = {};
  const mistakes: Record<string, string> = {};
  for (const parameter of parameters) {
    const read = readParameter(parameter, texts[parameter.name] ?? firstText(parameter));
    if (read.mistake !== undefined) mistakes[parameter.name] = read.mistake;
    else if ('value' in read) inputs[parameter.name] = read.value;
  }
  return { inputs, mistakes };
}

/** Bounds mean the number itself, or the length of a text or list. */
function checked({ min, max, pattern, expected }: Parameter, value: string | number | unknown[]): Read {
  const size = typeof value === 'number' ? value : value.length;
  const wrong = (min != null && size < min) || (max != null && size > max);
  const other = typeof value === 'string' && pattern != null && matches(pattern, value) === false;
  return wrong || other ? { mistake: `It must be ${expected}` } : { value };
}

/** Patterns are of another dialect than the browser's: one that it does not know is left to the api. */
function matches(pattern: string, text: string): boolean | undefined {
  try {
    return new RegExp(pattern, 'u').test(text);
  } catch {
    return undefined;
  }
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function listOf(text: string): unknown[] | undefined {
  if (text.trimStart().startsWith('[')) {
    const value = json(text);
    return Array.isArray(value) ? (value as unknown[]) : undefined;
  }
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** A line an entry, or all that YAML has for it, as a whole Score file. */
function mapOf(text: string): Record<string, unknown> | undefined {
  const value = readYaml(text);
  return isRecord(value) ? value : undefined;
}
