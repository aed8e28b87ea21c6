import type { LogLine, LogRange, LogSelection } from '../api/logs';
import { Places, type Question } from './places';

/** Asks the api for lines. */
export type Ask = (query: LogSelection & { from?: number; before?: number; limit: number }) => Promise<LogRange>;

/** Lines asked for at once. */
const TOGETHER = 500;
/** Rows that are held together. */
const BLOCK = 256;
/** Blocks that are held: with those, about 100,000 lines; the others can be asked for again. */
const BLOCKS = 400;
/** Rows beyond what is seen that are fetched ahead. */
const AHEAD = 300;
/** Questions for one row; more than that, and the log is not as it says. */
const PATIENCE = 24;

/** What a page shows of a log while it has no line. */
export interface Standing {
  /** Whether anything is known of it yet. */
  opened: boolean;
  /** Rows that it has by now. */
  rows: number;
  /** Whether no more will come. */
  over: boolean;
  /** Why lines that are wanted are not there. */
  problem: unknown;
}

/**
 * The log of a run, or of a part of it, of which only what somebody looks at is held: any row of a million is asked for when
 * it is wanted, and lines that are written meanwhile are added at the end.
 */
export class LogSource {
  private readonly places: Places;
  private readonly blocks = new Map<number, (LogLine | undefined)[]>();
  private readonly listeners = new Set<() => void>();
  private wanted: readonly number[] = [];
  private asking = false;
  private state: Standing = { opened: false, rows: 0, over: false, problem: undefined };
  private end = 0;
  private closed = false;

  constructor(
    private readonly ask: Ask,
    readonly selection: LogSelection,
  ) {
    this.places = new Places(selection);
  }

  /** How it stands; another object whenever that, or any line, has changed. */
  get standing(): Standing {
    return this.state;
  }

  /** The cursor up to which every line of the run was seen or can be asked for: a tail begins behind it. */
  get cursor(): number {
    return this.end;
  }

  /** Whether rows are the lines of the whole run. */
  get whole(): boolean {
    return this.places.whole;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Learns how long it is; the last lines come with that. */
  async open(): Promise<void> {
    this.closed = false;
    try {
      // The last come by themselves: what a log ends with is what most come for.
      const range = await this.ask({ ...this.selection, before: Number.MAX_SAFE_INTEGER, limit: TOGETHER });
      if (this.left()) return;
      const rows = this.places.learn(range);
      this.end = range.total;
      this.keep(range, { before: Number.MAX_SAFE_INTEGER });
      this.change({ opened: true, rows, over: range.over, problem: undefined });
      this.work();
    } catch (problem) {
      this.change({ problem });
    }
  }

  /** Nobody looks any more. */
  close(): void {
    this.closed = true;
  }

  /** The line of a row; nothing while it is not there. */
  at(row: number): LogLine | undefined {
    return this.blocks.get(Math.floor(row / BLOCK))?.[row % BLOCK];
  }

  /** Says which rows are looked at, in order: what is missing of them is fetched, and something around them. */
  want(rows: readonly number[]): void {
    this.wanted = rows;
    this.work();
  }

  /** Asks again for what could not be had. */
  again(): void {
    this.change({ problem: undefined });
    if (this.state.opened) this.work();
    else void this.open();
  }

  /** The row of a line that is known. */
  rowOf(line: Pick<LogLine, 'cursor' | 'attempt' | 'seq'>): number {
    return this.places.rowOf(line);
  }

  /** The row of the line with a cursor, or of the first behind it; nothing when there is none. */
  async find(cursor: number): Promise<number | undefined> {
    if (this.whole) return cursor >= 1 && cursor <= this.state.rows ? cursor - 1 : undefined;
    const range = await this.ask({ ...this.selection, from: cursor, limit: TOGETHER });
    const first = range.lines[0];
    if (first === undefined || this.closed) return undefined;
    this.keep(range, { from: cursor });
    this.change({});
    return this.places.rowOf(first);
  }

  /** Adds lines that were written; those that are there already are left out. */
  add(lines: readonly LogLine[]): LogLine[] {
    const added = lines.filter((line) => line.cursor > this.end);
    let { rows } = this.state;
    for (const line of added) {
      const row = this.whole ? line.cursor - 1 : rows;
      this.places.append(line, row);
      this.put(row, line);
      rows = Math.max(rows, row + 1);
      this.end = line.cursor;
    }
    if (added.length > 0) {
      this.drop();
      this.change({ rows });
    }
    return added;
  }

  /** No more will come. */
  finish(): void {
    if (!this.state.over) this.change({ over: true });
  }

  private left(): boolean {
    return this.closed;
  }

  private change(part: Partial<Standing>): void {
    this.state = { ...this.state, ...part };
    for (const listener of this.listeners) listener();
  }

  /** The first row that is looked at, and the one past the last. */
  private get first(): number {
    return this.wanted[0] ?? 0;
  }

  private get past(): number {
    return (this.wanted.at(-1) ?? -1) + 1;
  }

  private put(row: number, line: LogLine): void {
    const at = Math.floor(row / BLOCK);
    let block = this.blocks.get(at);
    if (block === undefined) this.blocks.set(at, (block = []));
    block[row % BLOCK] = line;
  }

  private keep(range: LogRange, asked: Question): void {
    this.places.saw(range.lines, asked);
    for (const line of range.lines) this.put(this.places.rowOf(line), line);
    this.drop();
  }

  /** Forgets blocks that nobody looks at, those first that came first. */
  private drop(): void {
    for (const at of this.blocks.keys()) {
      if (this.blocks.size <= BLOCKS) return;
      const seen = (at + 1) * BLOCK > this.first - AHEAD && at * BLOCK < this.past + AHEAD;
      if (!seen) this.blocks.delete(at);
    }
  }

  /** One question at a time, always for what is looked at now. */
  private work(): void {
    if (this.asking || this.closed || !this.state.opened || this.state.problem !== undefined) return;
    const row = this.missing();
    if (row === undefined) return;
    this.asking = true;
    void this.fetch(row)
      .catch((problem: unknown) => {
        this.change({ problem });
      })
      .finally(() => {
        this.asking = false;
        this.work();
      });
  }

  private async fetch(row: number): Promise<void> {
    for (let tries = 0; tries < PATIENCE; tries += 1) {
      const below = row < this.first ? this.at(row + 1) : undefined;
      const question =
        below === undefined ? this.places.towards(row, TOGETHER, this.state.rows, this.end) : { before: below.cursor };
      const range = await this.ask({ ...this.selection, ...question, limit: TOGETHER });
      if (this.closed) return;
      this.keep(range, question);
      this.change({});
      if (this.at(row) !== undefined) return;
      // Somebody went elsewhere meanwhile.
      if (row < this.first - AHEAD || row >= this.past + AHEAD) return;
    }
    throw new Error(`Line ${String(row + 1)} is not where the log says that it is.`);
  }

  /** The first row that should be there and is not: of those that are seen, then below them, then above. */
  private missing(): number | undefined {
    if (this.wanted.length === 0) return undefined;
    // Rows between those that are seen may be folded away: they are not fetched.
    for (const row of this.wanted) if (row < this.state.rows && this.at(row) === undefined) return row;
    const lowest = Math.min(this.state.rows, this.past + AHEAD);
    for (let row = this.past; row < lowest; row += 1) if (this.at(row) === undefined) return row;
    const highest = Math.max(0, this.first - AHEAD);
    for (let row = this.first - 1; row >= highest; row -= 1) if (this.at(row) === undefined) return row;
    return undefined;
  }
}
