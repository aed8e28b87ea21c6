import { expect, test } from 'vitest';

import { brokenAt } from './audit';

const entry = (seq: number | null, previous: string | null, hash: string | null) => ({ seq, previous, hash });

test('entries that each name the one before hold together', () => {
  expect(
    brokenAt([entry(null, null, null), entry(3, 'b', 'c'), entry(2, 'a', 'b'), entry(1, '0', 'a')]),
  ).toBeUndefined();
});

test('one that was changed is found by the next', () => {
  expect(brokenAt([entry(3, 'b', 'c'), entry(2, 'a', 'changed'), entry(1, '0', 'a')])).toBe(3);
});

test('entries that do not follow each other say nothing of each other', () => {
  expect(brokenAt([entry(9, 'x', 'y'), entry(2, 'a', 'b')])).toBeUndefined();
});
