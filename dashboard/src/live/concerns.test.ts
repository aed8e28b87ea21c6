import { expect, test } from 'vitest';

import { changes, filterOf, timed } from './concerns';

test('a page about one thing follows what happens to it, a list everything', () => {
  const id = '01a1fdb5-b5d6-761d-91d4-10536f225da1';
  expect(filterOf(`/runs/${id}`)).toBe(`?run=${id}`);
  expect(filterOf(`/runs/${id}/logs`)).toBe(`?run=${id}`);
  expect(filterOf(`/resources/${id}`)).toBe(`?resource=${id}`);
  expect(filterOf('/applications/shop%20one')).toBe('?application=shop%20one');
  for (const path of ['/', '/runs', '/runs/', '/runs/compare', '/resources/db', '/providers/core']) {
    expect(filterOf(path), path).toBe('');
  }
});

test('an event is told to what it may change, and to what is not known', () => {
  expect(changes('step.finished', 'runs')).toBe(true);
  expect(changes('provider.loaded', 'runs')).toBe(false);
  expect(changes('run.failed', 'may')).toBe(false);
  expect(changes('run.failed', 'something new')).toBe(true);
  expect([timed('workers'), timed('runs')]).toEqual([true, false]);
});
