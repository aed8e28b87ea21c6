import { expect, test } from 'vitest';

import { frameOf, heightOf, topFor } from './scroll';

const ROW = 20;
const VIEW = 800;

/** Where the top of a row is drawn, when all rows have one height. */
const drawnAt = (top: number, rows: number, row: number) => {
  const { pivot, share, at } = frameOf(top, VIEW, rows, ROW);
  return at + (row - pivot - share) * ROW;
};

test('rows of one height are drawn where a list that is really there would have them', () => {
  for (const top of [0, 1, 19, 333, 10_000, 19_200]) expect(drawnAt(top, 1000, 7)).toBeCloseTo(7 * ROW - top);
});

test('everything that is seen is drawn, and little more, of a hundred rows or ten million', () => {
  for (const rows of [100, 1_000_000, 10_000_000]) {
    const room = heightOf(rows, ROW) - VIEW;
    for (const far of [0, 0.1, 0.5, 0.999, 1]) {
      const { first, past } = frameOf(far * room, VIEW, rows, ROW);
      expect(past - first).toBeLessThanOrEqual(VIEW / ROW + 16);
      expect(Math.min(drawnAt(far * room, rows, first), 0)).toBe(drawnAt(far * room, rows, first));
      expect(drawnAt(far * room, rows, past)).toBeGreaterThanOrEqual(VIEW - 0.01);
    }
  }
});

test('the first row and the last can be reached', () => {
  for (const rows of [50, 1_000_000, 10_000_000]) {
    expect(drawnAt(0, rows, 0)).toBe(0);
    expect(drawnAt(heightOf(rows, ROW) - VIEW, rows, rows - 1)).toBeCloseTo(VIEW - ROW);
  }
});

test('a list that is shorter than the window begins at its top', () => {
  expect(frameOf(0, VIEW, 3, ROW)).toEqual({ first: 0, past: 3, pivot: 0, share: 0, at: 0 });
  expect(frameOf(0, VIEW, 0, ROW).past).toBe(0);
});

test('a row is brought into the middle, or just into sight', () => {
  for (const rows of [1000, 10_000_000]) {
    const middle = topFor(500, 'middle', 0, VIEW, rows, ROW);
    expect(drawnAt(middle, rows, 500)).toBeCloseTo((VIEW - ROW) / 2, 0);
    expect(topFor(510, 'near', middle, VIEW, rows, ROW)).toBeCloseTo(middle);
    const below = topFor(540, 'near', middle, VIEW, rows, ROW);
    expect(drawnAt(below, rows, 540)).toBeCloseTo(VIEW - 2 * ROW, 0);
  }
});
