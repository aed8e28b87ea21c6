/** Lines that an address points at, by their cursors: `#L10`, `#L10-L20`. */
export interface Lines {
  first: number;
  last: number;
}

/** Reads what stands behind `#`. */
export function linesOf(hash: string): Lines | undefined {
  const found = /^#?L([1-9]\d{0,14})(?:-L([1-9]\d{0,14}))?$/.exec(hash);
  if (found === null) return undefined;
  const [one, other] = [Number(found[1]), Number(found[2] ?? found[1])];
  return { first: Math.min(one, other), last: Math.max(one, other) };
}

/** The reverse, without `#`. */
export function hashOf({ first, last }: Lines): string {
  return first === last ? `L${String(first)}` : `L${String(first)}-L${String(last)}`;
}

/** What is selected when a line is chosen; `more`: with what was before. */
export function choose(before: Lines | undefined, line: number, more: boolean): Lines {
  if (!more || before === undefined) return { first: line, last: line };
  return line < before.first ? { first: line, last: before.last } : { first: before.first, last: line };
}
