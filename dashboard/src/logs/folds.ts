/** A group that a step printed between `::group::name` and `::endgroup::`: its rows, both markers among them. */
export interface Group {
  name: string;
  first: number;
  last: number;
}

/** What a line says of groups. */
export type Marker = { begins: string } | { ends: true };

const BEGINS = /^\s*::group::(.*)$/s;
const ENDS = /^\s*::endgroup::/;

/** What is looked for to find every marker. */
export const MARKED = 'group::';

/** What a line says of groups; nothing, for nearly every line. */
export function markerOf(text: string): Marker | undefined {
  // Most lines are seen by this alone.
  if (!text.includes(MARKED)) return undefined;
  if (ENDS.test(text)) return { ends: true };
  const begins = BEGINS.exec(text);
  return begins === null ? undefined : { begins: begins[1]?.trim() ?? '' };
}

/** A line with a marker. */
export interface MarkedLine {
  row: number;
  step: string;
  attempt: number;
  seq: number;
  marker: Marker;
}

/**
 * The groups of these lines, in order. Groups within groups are theirs; one that is not ended yet is none. Where other steps
 * printed in between, as rows of a whole log show it, there is none either: folding would hide what is not in it.
 */
export function groupsOf(lines: readonly MarkedLine[]): Group[] {
  const open = new Map<string, MarkedLine[]>();
  const groups: Group[] = [];
  for (const line of [...lines].sort((one, other) => one.row - other.row)) {
    const key = `${line.step}\n${String(line.attempt)}`;
    const stack = open.get(key) ?? [];
    open.set(key, stack);
    if ('begins' in line.marker) {
      stack.push(line);
      continue;
    }
    const begun = stack.pop();
    if (begun === undefined || !('begins' in begun.marker)) continue;
    if (line.row - begun.row !== line.seq - begun.seq) continue;
    groups.push({ name: begun.marker.begins, first: begun.row, last: line.row });
  }
  return groups.sort((one, other) => one.first - other.first);
}

/** Which rows are shown when some groups are folded: of those the first row alone. */
export class Folds {
  /** Rows that are hidden, as stretches that do not touch, and how many are hidden before each. */
  private readonly hidden: { from: number; past: number; before: number }[] = [];

  constructor(folded: readonly Group[]) {
    let before = 0;
    for (const { first, last } of [...folded].sort((one, other) => one.first - other.first)) {
      const end = this.hidden.at(-1);
      const from = Math.max(first + 1, end?.past ?? 0);
      const past = last + 1;
      if (past <= from) continue;
      if (end?.past === from) end.past = past;
      else this.hidden.push({ from, past, before });
      before += past - from;
    }
  }

  /** How many of `rows` are shown. */
  shown(rows: number): number {
    const last = this.hidden.at(-1);
    return last === undefined ? rows : rows - last.before - (Math.min(last.past, rows) - Math.min(last.from, rows));
  }

  /** The row that is shown at a place. */
  row(place: number): number {
    const at = this.search(({ from, before }) => from - before <= place);
    return at === undefined ? place : place + at.before + (at.past - at.from);
  }

  /** The place where a row is shown; of one that is hidden, that of the row it is folded into. */
  place(row: number): number {
    const at = this.search(({ from }) => from <= row);
    if (at === undefined) return row;
    return row < at.past ? at.from - 1 - at.before : row - at.before - (at.past - at.from);
  }

  /** Whether a row is hidden. */
  hides(row: number): boolean {
    const at = this.search(({ from }) => from <= row);
    return at !== undefined && row < at.past;
  }

  /** The last stretch that holds for. */
  private search(holds: (stretch: { from: number; past: number; before: number }) => boolean) {
    let [low, high] = [0, this.hidden.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      const stretch = this.hidden[middle];
      if (stretch !== undefined && holds(stretch)) low = middle + 1;
      else high = middle;
    }
    return this.hidden[low - 1];
  }
}
