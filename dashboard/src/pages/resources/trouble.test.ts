import { expect, test } from 'vitest';

import { troubleOf } from './trouble';

const well = {
  state: 'active',
  error_message: null,
  waiting_reason: null,
  drift_since: null,
  uncertain_since: null,
  state_uncertain_since: null,
};
const since = '2026-11-21T11:40:19Z';

test('a resource that is as it should be has nothing said about it', () => {
  expect(troubleOf(well)).toBeUndefined();
  // A message of before, on one that works again, is over.
  expect(troubleOf({ ...well, error_message: 'no route to host' })).toBeUndefined();
});

test('of several things that are wrong, the worst is said', () => {
  expect(troubleOf({ ...well, state: 'failed', error_message: 'no room', drift_since: since })?.text).toBe('no room');
  expect(troubleOf({ ...well, state_uncertain_since: since, drift_since: since })?.tone).toBe('bad');
  expect(troubleOf({ ...well, drift_since: since, waiting_reason: 'quota' })?.text).toMatch(/differs/);
  expect(troubleOf({ ...well, waiting_reason: 'quota' })).toEqual({ tone: 'warn', text: 'quota' });
});
