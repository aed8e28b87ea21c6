import { expect, test } from 'vitest';

import { choose, hashOf, linesOf } from './selected';

test('an address points at lines, whichever way round', () => {
  expect(linesOf('#L10-L20')).toEqual({ first: 10, last: 20 });
  expect(linesOf('L20-L10')).toEqual({ first: 10, last: 20 });
  expect(linesOf('#L7')).toEqual({ first: 7, last: 7 });
  for (const hash of ['', '#', '#L', '#L0', '#L-1', '#step', '#L1-', '#L99999999999999999999']) {
    expect(linesOf(hash), hash).toBeUndefined();
  }
});

test('what was chosen is what the address says', () => {
  expect(hashOf(choose(undefined, 5, true))).toBe('L5');
  expect(hashOf(choose({ first: 5, last: 5 }, 9, true))).toBe('L5-L9');
  expect(hashOf(choose({ first: 5, last: 9 }, 2, true))).toBe('L2-L9');
  expect(hashOf(choose({ first: 5, last: 9 }, 7, false))).toBe('L7');
});
