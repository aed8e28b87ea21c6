import { expect, test } from 'vitest';

import type { Provider } from '../../api/providers';
import { byName, holdsWords } from './byName';

const made = (name: string, version: string, serves: boolean): Provider => ({
  name,
  version,
  default: serves,
  description: 'Makes databases',
  tags: ['data'],
  resource_types: ['postgres'],
  step_types: ['psql'],
  workflows: 1,
  warnings: [],
  digest: '',
  loaded_at: '2026-11-21T11:40:19Z',
});

test('versions of a provider are one row, led by the one that serves', () => {
  const rows = byName([
    made('pg', '1.0.0', false),
    made('pg', '2.0.0', true),
    made('pg', '3.0.0', false),
    made('a', '1', true),
  ]);
  expect(rows.map(({ serving, others }) => [serving.name, serving.version, others.map((it) => it.version)])).toEqual([
    ['a', '1', []],
    ['pg', '2.0.0', ['1.0.0', '3.0.0']],
  ]);
});

test('a provider is found by every word that belongs to it', () => {
  expect(holdsWords(made('pg', '1', true), 'POSTGRES data')).toBe(true);
  expect(holdsWords(made('pg', '1', true), 'postgres bucket')).toBe(false);
  expect(holdsWords(made('pg', '1', true), '')).toBe(true);
});
