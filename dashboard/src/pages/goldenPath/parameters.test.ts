import { expect, test } from 'vitest';

import type { Parameter } from '../../api/goldenPaths';
import { firstText, readParameter, readParameters } from './parameters';

const made = (type: string, more: Partial<Parameter> = {}): Parameter => ({
  name: 'it',
  type,
  expected: `a ${type}`,
  required: false,
  sensitive: false,
  example: {},
  ...more,
});

test('a default that is left alone is not sent', () => {
  const size = made('integer', { default: 20 as never });
  expect(firstText(size)).toBe('20');
  expect(readParameter(size, '20')).toEqual({});
  expect(readParameter(size, '21')).toEqual({ value: 21 });
  expect(readParameter(made('string', { default: 'main' as never }), '')).toEqual({ value: '' });
});

test('what must be given is asked for', () => {
  expect(readParameter(made('string', { required: true }), ' ').mistake).toBe('It must be given: a string');
  expect(readParameter(made('boolean', { required: true }), 'false')).toEqual({ value: false });
  expect(readParameter(made('string'), '')).toEqual({});
});

test('values have their type, and keep to their bounds', () => {
  const port = made('integer', { min: 1, max: 100 });
  expect([port, made('number')].map((it) => readParameter(it, '1.5').mistake)).toEqual([
    'It must be a integer',
    undefined,
  ]);
  expect(['0', '1', '100', '101', 'x'].map((text) => readParameter(port, text).mistake === undefined)).toEqual([
    false,
    true,
    true,
    false,
    false,
  ]);
  const name = made('string', { pattern: '^[a-z]+$', max: 3 });
  expect(['abc', 'abcd', 'A'].map((text) => readParameter(name, text).value)).toEqual(['abc', undefined, undefined]);
  expect(['30s', '1h30m', '90', 'soon', '5 apples'].map((text) => readParameter(made('duration'), text).value)).toEqual(
    ['30s', '1h30m', '90', undefined, undefined],
  );
});

test('lists and mappings are typed as lines, or as JSON', () => {
  const list = made('list', { min: 1, max: 2 });
  expect(readParameter(list, 'a@b.c\n\n d@e.f ')).toEqual({ value: ['a@b.c', 'd@e.f'] });
  expect(readParameter(list, '[1, {"a": 2}]')).toEqual({ value: [1, { a: 2 }] });
  expect(readParameter(list, '["a", "b", "c"]').mistake).toBe('It must be a list');
  expect(readParameter(list, '[1').mistake).toMatch(/no list/);
  expect(readParameter(made('map'), 'a: 1\nb: two words')).toEqual({ value: { a: 1, b: 'two words' } });
  expect(readParameter(made('map'), '{"a": 1}')).toEqual({ value: { a: 1 } });
  expect(readParameter(made('map'), 'just words').mistake).toMatch(/no mapping/);
});

test('a pattern that the browser does not know is left to the api', () => {
  expect(readParameter(made('string', { pattern: '(?i)^a$' }), 'A')).toEqual({ value: 'A' });
});

test('a form is read as a whole', () => {
  const parameters = [made('string', { name: 'team', required: true }), made('integer', { name: 'size' })];
  expect(readParameters(parameters, { size: 'x' })).toEqual({
    inputs: {},
    mistakes: { team: 'It must be given: a string', size: 'It must be a integer' },
  });
});
