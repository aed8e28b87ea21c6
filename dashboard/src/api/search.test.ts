import { expect, test } from 'vitest';

import { known, parseSearch, stringifySearch } from './search';

test('an address is read and written as people would', () => {
  const search = { status: 'failed', workflow: 'create database', team: '' };
  expect(stringifySearch(search)).toBe('?status=failed&workflow=create+database');
  expect(parseSearch('?status=failed&workflow=create+database')).toEqual({
    status: 'failed',
    workflow: 'create database',
  });
});

test('an address without anything stays bare', () => {
  expect(stringifySearch({ a: undefined, b: '' })).toBe('');
});

test('a page takes the names it knows and no others', () => {
  const read = known(['status', 'team']);
  expect(read({ status: 'failed', evil: 'x', team: '' })).toEqual({ status: 'failed' });
});
