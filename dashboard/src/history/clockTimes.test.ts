import { expect, test } from 'vitest';

import { clockTimes } from './clockTimes';

const at = (text: string) => Date.parse(text) / 1000;

test('an axis tells the clock, and the day where another one begins', () => {
  const times = ['2026-11-20T18:00:00Z', '2026-11-21T00:00:00Z', '2026-11-21T06:00:00Z'].map(at);
  expect(clockTimes(times, 'utc')).toEqual(['18:00', '11-21', '06:00']);
});

test('an axis of days tells days', () => {
  const times = ['2026-11-20T12:00:00Z', '2026-11-21T12:00:00Z'].map(at);
  expect(clockTimes(times, 'utc')).toEqual(['11-20', '11-21']);
});
