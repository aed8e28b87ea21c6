import { expect, test } from 'vitest';

import { count, exact, figure, lengthOf, relative } from './words';

test('lengths are told by their two largest units', () => {
  expect([0, 0.34, 1, 4.24, 42.4, 59.97, 65, 3600, 12_000, 187_200].map(lengthOf)).toEqual([
    '0\u00a0ms',
    '340\u00a0ms',
    '1\u00a0s',
    '4.2\u00a0s',
    '42\u00a0s',
    '1\u00a0m',
    '1\u00a0m\u00a005\u00a0s',
    '1\u00a0h',
    '3\u00a0h\u00a020\u00a0m',
    '2\u00a0d\u00a04\u00a0h',
  ]);
});

test('times are told from now', () => {
  const now = Date.UTC(2026, 10, 21, 11, 30, 0);
  const ago = (seconds: number) => relative(now - seconds * 1000, now);
  expect([0, 40, 90, 7300, 200_000, -2, -300].map(ago)).toEqual([
    'just now',
    '40\u00a0s ago',
    '1\u00a0m ago',
    '2\u00a0h ago',
    '2\u00a0d ago',
    'in a moment',
    'in 5\u00a0m',
  ]);
});

test('an exact time says whose clock it is by', () => {
  expect(exact(Date.UTC(2026, 10, 21, 11, 30, 5), 'utc')).toBe('2026-11-21 11:30:05 UTC');
});

test('numbers are grouped, and counted things have their plural', () => {
  expect(figure(1_234_567)).toBe('1\u202f234\u202f567');
  expect(figure(-1.25, 1)).toBe('−1.3');
  expect([count(1, 'run'), count(2, 'run'), count(0, 'try', 'tries')]).toEqual(['1 run', '2 runs', '0 tries']);
});
