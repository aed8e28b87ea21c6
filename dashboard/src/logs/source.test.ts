import { expect, test } from 'vitest';

import type { LogLine, LogRange } from '../api/logs';
import { LogSource, type Ask } from './source';

/** As the api answers, for lines that are all known. `most`: what it gives at once at most, as for long lines. */
function served(lines: LogLine[], most = 5000): { ask: Ask; asked: () => number } {
  let asked = 0;
  const parts = new Map<string, LogRange['attempts'][number]>();
  for (const { step, attempt, seq } of lines) {
    parts.set(`${step} ${String(attempt)}`, { step, attempt, lines: seq, gaps: 0, sealed_at: null });
  }
  const ask: Ask = (query) => {
    asked += 1;
    if (asked > 2000) throw new Error('it asks without end');
    const { before, from, limit } = query;
    // Cursors are places: only what is near is looked at.
    const near = before === undefined ? lines.slice((from ?? 1) - 1) : lines.slice(0, before - 1).reverse();
    const found: LogLine[] = [];
    for (const line of near) {
      if (found.length === Math.min(limit, most)) break;
      const step = query.step === undefined || line.step === query.step;
      if (step && (query.attempt === undefined || line.attempt === query.attempt)) found.push(line);
    }
    if (before !== undefined) found.reverse();
    return Promise.resolve({
      lines: found,
      total: lines.length,
      over: false,
      next: null,
      previous: null,
      attempts: [...parts.values()],
    });
  };
  return { ask, asked: () => asked };
}

/** Lines of steps that print in turns of any length, the first of them in two attempts. */
function written(total: number, steps: readonly string[], turn: (at: number) => number): LogLine[] {
  const seqs = new Map<string, number>();
  const lines: LogLine[] = [];
  for (let at = 0; lines.length < total; at += 1) {
    const step = steps[at % steps.length] ?? 'a';
    const attempt = step === steps[0] && lines.length > total / 2 ? 2 : 1;
    for (let left = turn(at); left > 0 && lines.length < total; left -= 1) {
      const key = `${step} ${String(attempt)}`;
      const seq = (seqs.get(key) ?? 0) + 1;
      seqs.set(key, seq);
      const cursor = lines.length + 1;
      lines.push({ cursor, step, attempt, seq, at: '2026-11-21T12:00:00Z', stream: 'stdout', text: `line ${cursor}` });
    }
  }
  return lines;
}

async function seen(source: LogSource, first: number, past: number): Promise<(number | undefined)[]> {
  source.want(Array.from({ length: past - first }, (_, at) => first + at));
  for (let turns = 0; turns < 200; turns += 1) await Promise.resolve();
  await new Promise((done) => setTimeout(done));
  return Array.from({ length: past - first }, (_, at) => source.at(first + at)?.cursor);
}

test('of a whole log any rows are fetched by one question, and not again', async () => {
  const { ask, asked } = served(written(100_000, ['a', 'b'], () => 7));
  const source = new LogSource(ask, {});
  await source.open();
  expect(source.standing).toMatchObject({ opened: true, rows: 100_000, over: false });
  expect(source.at(99_999)?.cursor).toBe(100_000);
  const before = asked();
  expect(await seen(source, 50_000, 50_040)).toEqual(Array.from({ length: 40 }, (_, at) => 50_001 + at));
  const after = asked();
  // Those that are seen, and what is around them.
  expect(after - before).toBeLessThanOrEqual(3);
  await seen(source, 50_010, 50_050);
  expect(asked()).toBe(after);
});

for (const [name, turn] of [
  ['one after the other', () => 30_000],
  ['in short turns', (at: number) => 1 + (at % 5)],
  ['in turns of very different lengths', (at: number) => (at % 17 === 0 ? 9000 : 3)],
] as const) {
  test(`of a step that printed ${name} every row is found, in order, over its attempts`, async () => {
    const lines = written(60_000, ['a', 'b', 'c'], turn);
    const own = lines.filter((line) => line.step === 'a');
    const { ask, asked } = served(lines);
    const source = new LogSource(ask, { step: 'a' });
    await source.open();
    expect(source.standing.rows).toBe(own.length);
    for (const row of [0, Math.floor(own.length / 3), Math.floor(own.length / 2), own.length - 40, 17]) {
      const first = Math.max(0, Math.min(row, own.length - 40));
      const wanted = own.slice(first, first + 40).map((line) => line.cursor);
      expect(await seen(source, first, first + wanted.length), `row ${String(row)}`).toEqual(wanted);
    }
    expect(asked()).toBeLessThan(80);
  });
}

test('rows that are folded away between those that are seen are not asked for', async () => {
  const { ask, asked } = served(written(100_000, ['a'], () => 100_000));
  const source = new LogSource(ask, {});
  await source.open();
  source.want([10, 11, 90_000, 90_001]);
  for (let turns = 0; turns < 200; turns += 1) await Promise.resolve();
  expect([source.at(11)?.cursor, source.at(90_001)?.cursor]).toEqual([12, 90_002]);
  expect(source.at(50_000)).toBeUndefined();
  expect(asked()).toBeLessThan(6);
});

test('what comes live is added at the end, once, however often it comes', async () => {
  const lines = written(1000, ['a', 'b'], () => 3);
  const { ask } = served(lines.slice(0, 900));
  const source = new LogSource(ask, { step: 'b' });
  await source.open();
  const own = lines.filter((line) => line.step === 'b');
  const live = own.filter((line) => line.cursor > 900);
  source.add(live.slice(0, 10));
  source.add(live.slice(5, 20));
  source.add(live);
  expect(source.standing.rows).toBe(own.length);
  const first = own.length - 60;
  expect(await seen(source, first, own.length)).toEqual(own.slice(-60).map((line) => line.cursor));
  expect(source.cursor).toBe(live.at(-1)?.cursor);
});

test('an attempt that begins while one looks goes on after the one before', async () => {
  const lines = written(10, ['a'], () => 100).map((line) => ({ ...line, attempt: 1, seq: line.cursor }));
  const { ask } = served(lines);
  const source = new LogSource(ask, { step: 'a' });
  await source.open();
  const next = lines.map((line) => ({ ...line, attempt: 2, cursor: line.cursor + 10 }));
  source.add(next);
  expect(source.standing.rows).toBe(20);
  expect(next.map((line) => source.rowOf(line))).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
});

test('long lines come in smaller parts, and all of them come', async () => {
  const { ask } = served(
    written(3000, ['a'], () => 3000),
    7,
  );
  const source = new LogSource(ask, {});
  await source.open();
  expect(await seen(source, 1000, 1040)).toEqual(Array.from({ length: 40 }, (_, at) => 1001 + at));
});

test('only so much is held; the rest can be asked for again', async () => {
  const { ask } = served(written(150_000, ['a'], () => 150_000));
  const source = new LogSource(ask, {});
  await source.open();
  for (let row = 0; row < 150_000; row += 500) await seen(source, row, row + 40);
  expect(source.at(20)).toBeUndefined();
  expect((await seen(source, 0, 3))[0]).toBe(1);
});

test('why lines are not there is told, and asking again gets them', async () => {
  const { ask } = served(written(2000, ['a'], () => 2000));
  let down = false;
  const source = new LogSource((query) => (down ? Promise.reject(new Error('gone')) : ask(query)), {});
  await source.open();
  down = true;
  await seen(source, 0, 5);
  expect(source.standing.problem).toEqual(new Error('gone'));
  down = false;
  source.again();
  expect(await seen(source, 0, 2)).toEqual([1, 2]);
});

test('the row of a cursor is found in a whole log and in a step’s', async () => {
  const lines = written(5000, ['a', 'b'], (at) => 1 + (at % 3));
  const source = new LogSource(served(lines).ask, { step: 'b' });
  await source.open();
  const own = lines.filter((line) => line.step === 'b');
  const one = own[700];
  expect(await source.find(one?.cursor ?? 0)).toBe(700);
  expect(await source.find(1_000_000)).toBeUndefined();
  const whole = new LogSource(served(lines).ask, {});
  await whole.open();
  expect(await whole.find(4321)).toBe(4320);
});
