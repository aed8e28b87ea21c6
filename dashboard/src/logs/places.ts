import type { LogLine, LogRange, LogSelection } from '../api/logs';

/** A row whose line is known: `cursor` is its line's, and no line of the selection lies between `low` and it. */
interface Anchor {
  row: number;
  cursor: number;
  low: number;
}

/** What to ask the api for. */
export type Question = { from: number } | { before: number };

/** Anchors that are kept; more of them save no question. */
const ANCHORS = 4000;

/**
 * Which line of a run is which row. Of a whole log, cursors are rows. Of a step's, cursors have holes, where other steps
 * printed; but each line says which of its attempt it is, and attempts follow one another, so that every line that comes says
 * its row, and any row can be found by a few questions, however long the log is.
 */
export class Places {
  private readonly bases = new Map<number, number>();
  private anchors: Anchor[] = [];

  constructor(private readonly selection: LogSelection) {}

  /** Whether rows are cursors. */
  get whole(): boolean {
    return this.selection.step === undefined;
  }

  /** Takes in how long the attempts are, and which lines came; how many rows there are by that. */
  learn(range: LogRange): number {
    if (this.whole) return range.total;
    const { step, attempt } = this.selection;
    const parts = range.attempts
      .filter((part) => part.step === step && (attempt === undefined || part.attempt === attempt))
      .sort((one, other) => one.attempt - other.attempt);
    let rows = 0;
    for (const part of parts) {
      if (!this.bases.has(part.attempt)) this.bases.set(part.attempt, rows);
      rows = (this.bases.get(part.attempt) ?? rows) + part.lines;
    }
    const last = range.lines.at(-1);
    if (last === undefined) return rows;
    if (!this.bases.has(last.attempt)) this.bases.set(last.attempt, rows);
    return Math.max(rows, this.rowOf(last) + 1);
  }

  /** The row of a line of the selection. */
  rowOf(line: Pick<LogLine, 'cursor' | 'attempt' | 'seq'>): number {
    return this.whole ? line.cursor - 1 : (this.bases.get(line.attempt) ?? 0) + line.seq - 1;
  }

  /** Takes in that a line is the one after the last: what comes live says its row by coming next. */
  append(line: LogLine, row: number): void {
    if (!this.whole && !this.bases.has(line.attempt)) this.bases.set(line.attempt, row - line.seq + 1);
  }

  /** Takes in where lines were found, and which question they answer. */
  saw(lines: readonly LogLine[], asked: Question): void {
    if (this.whole) return;
    const [first, last] = [lines[0], lines.at(-1)];
    if (first === undefined || last === undefined) return;
    // Whoever asks from a place on gets the first line behind it: there is none before that one.
    this.anchor(this.rowOf(first), first.cursor, 'from' in asked ? Math.min(asked.from, first.cursor) : first.cursor);
    this.anchor(this.rowOf(last), last.cursor, last.cursor);
  }

  /** What to ask for to get a row, or nearer to it: `most` lines come at once, and the log has `rows` and ends at `end`. */
  towards(row: number, most: number, rows: number, end: number): Question {
    if (this.whole) return { from: row + 1 };
    const next = this.after(row);
    const above = this.anchors[next - 1];
    const below = this.anchors[next];
    if (above !== undefined && row - above.row < most) return { from: above.cursor };
    if (below !== undefined && below.row - row < most) return { before: below.cursor + 1 };
    const low = above ?? { row: -1, cursor: 0 };
    const high = below ?? { row: rows, low: end + 1 };
    // No guess left between them: whatever is there lies right before the lower one.
    if (high.low - low.cursor <= 1) return { before: high.low };
    const share = (row - low.row) / Math.max(1, high.row - low.row);
    const guess = low.cursor + Math.round(share * (high.low - low.cursor));
    return { from: Math.min(high.low - 1, Math.max(low.cursor + 1, guess)) };
  }

  /** The index of the first anchor behind a row; the one before it is the last that is not. */
  private after(row: number): number {
    let [low, high] = [0, this.anchors.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.anchors[middle]?.row ?? Infinity) <= row) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private anchor(row: number, cursor: number, low: number): void {
    const at = this.after(row);
    const same = this.anchors[at - 1];
    if (same?.row === row) {
      same.low = Math.min(same.low, low);
      return;
    }
    if (this.anchors.length >= ANCHORS) this.anchors = this.anchors.filter((_, index) => index % 2 === 0);
    this.anchors.splice(this.after(row), 0, { row, cursor, low });
  }
}
