import type { Parameter } from '../../api/goldenPaths';

/** What was typed for a parameter, as the value that it takes. */
export type Read = { value: unknown } | { mistake: string } | { unchanged: true };

/** Reads what was typed; nothing means that the value stays. Whether it fits is for the api to say. */
export function readInput({ type, name }: Pick<Parameter, 'type' | 'name'>, text: string): Read {
  if (text.trim() === '') return { unchanged: true };
  if (type === 'string' || type === 'duration' || type === 'enum') return { value: text };
  if (type === 'boolean' || type === 'bool') {
    return text === 'true' || text === 'false' ? { value: text === 'true' } : { mistake: `${name}: true or false` };
  }
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    const wanted = type === 'number' || type === 'int' || type === 'integer' ? 'a number, as 3' : `a ${type}, as JSON`;
    return { mistake: `${name}: ${wanted}` };
  }
}

/** The text that one would type for a value. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Of these inputs those that are others than before: what a run keeps is not sent, so that it stays as it is kept. */
export function changed(
  inputs: Readonly<Record<string, unknown>>,
  before: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const same = (name: string) => name in before && JSON.stringify(before[name]) === JSON.stringify(inputs[name]);
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => !same(name)));
}

/** All that was typed: what changes, or what is wrong with it by name. */
export function readInputs(
  parameters: readonly Pick<Parameter, 'type' | 'name'>[],
  texts: Readonly<Record<string, string>>,
): { inputs: Record<string, unknown>; mistakes: Record<string, string> } {
  const inputs: Record<string, unknown> = {};
  const mistakes: Record<string, string> = {};
  for (const parameter of parameters) {
    const read = readInput(parameter, texts[parameter.name] ?? '');
    if ('value' in read) inputs[parameter.name] = read.value;
    if ('mistake' in read) mistakes[parameter.name] = read.mistake;
  }
  return { inputs, mistakes };
}
