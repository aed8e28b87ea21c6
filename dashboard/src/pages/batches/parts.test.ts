import { expect, test } from 'vitest';

import { readParams } from './parts';

test('params are read as numbers, truths and nothing where they look like it, else as texts', () => {
  expect(readParams('size=large, tier=2,ha=true, old=null, name="2"')).toEqual({
    size: 'large',
    tier: 2,
    ha: true,
    old: null,
    name: '2',
  });
  expect(readParams('')).toEqual({});
  expect(() => readParams('large')).toThrow('“large” is no name with a value');
});
