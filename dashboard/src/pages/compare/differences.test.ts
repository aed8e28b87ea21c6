import { expect, test } from 'vitest';

import { lasted, paired, values } from './differences';

const named = (...names: string[]) => names.map((name) => ({ name }));

test('steps are put side by side, in their order, and those of one run alone where it has them', () => {
  const names = (one: string[], other: string[]) =>
    paired(named(...one), named(...other)).map((it) => [it.name, it.one !== undefined, it.other !== undefined]);
  expect(names(['build', 'ship'], ['build', 'scan', 'ship', 'tell'])).toEqual([
    ['build', true, true],
    ['scan', false, true],
    ['ship', true, true],
    ['tell', false, true],
  ]);
  expect(names(['a', 'b'], ['b', 'a'])).toEqual([
    ['a', true, true],
    ['b', true, true],
  ]);
});

test('of values within values, those that differ are told apart', () => {
  expect(values({ size: 2, db: { host: 'a', port: 1 } }, { size: 3, db: { host: 'a' } })).toEqual([
    { name: 'db.host', one: 'a', other: 'a' },
    { name: 'db.port', one: '1', other: undefined },
    { name: 'size', one: '2', other: '3' },
  ]);
  expect(values(null, undefined)).toEqual([]);
});

test('a step that is not over, or ran in another run, took no time here', () => {
  const step = { started_at: '2026-11-21T12:00:00Z', finished_at: '2026-11-21T12:00:05Z', inherited: false };
  expect(lasted(step)).toBe(5);
  expect(lasted({ ...step, finished_at: null })).toBeUndefined();
  expect(lasted({ ...step, inherited: true })).toBeUndefined();
  expect(lasted(undefined)).toBeUndefined();
});
