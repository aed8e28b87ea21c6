import { expect, test } from 'vitest';

import { amounts, exactBytes, readBytes, sayAmounts } from './quotas';

test('amounts are read as they are said', () => {
  expect(amounts('postgres 5, s3=20,vault: 1', 'it')).toEqual({ postgres: 5, s3: 20, vault: 1 });
  expect(amounts(sayAmounts({ postgres: 5, s3: 20 }), 'it')).toEqual({ postgres: 5, s3: 20 });
  expect(amounts(' ', 'it')).toEqual({});
  expect(() => amounts('postgres many', 'it')).toThrow('“postgres many” is no name with a number');
});

test('sizes are read as they are said', () => {
  for (const [text, size] of [
    ['5 GB', 5e9],
    ['1.5 KB', 1500],
    ['12 B', 12],
    ['12', 12],
  ] as const) {
    expect(readBytes(text, 'it')).toBe(size);
  }
  for (const size of [50e9, 1_234_567, 0]) expect(readBytes(exactBytes(size), 'it')).toBe(size);
  expect(readBytes('', 'it')).toBeNull();
  expect(() => readBytes('plenty', 'it')).toThrow('“plenty” is no size');
});
