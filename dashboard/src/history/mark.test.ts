import { expect, test } from 'vitest';

import { holders, markOf } from './mark';

test('a developer of several teams says whose the mark is', () => {
  expect(holders({ roles: ['developer'], teams: ['shop', 'search'] })).toEqual([
    ['shop', 'shop'],
    ['search', 'search'],
  ]);
});

test('an admin may mark for everyone, which is what stands there first', () => {
  expect(holders({ roles: ['developer', 'admin'], teams: ['shop'] })).toEqual([
    ['', 'everyone'],
    ['shop', 'shop'],
  ]);
});

test('what is sent names the team, and leaves out what was not said', () => {
  const words: Record<string, string> = { kind: 'deploy', title: 'shop 1.4', team: 'search', link: ' ' };
  const nothing = { link: null, at: null, until: null };
  expect(markOf((name) => words[name] ?? '')).toEqual({
    kind: 'deploy',
    title: 'shop 1.4',
    team: 'search',
    ...nothing,
  });
  expect(markOf((name) => (name === 'kind' ? 'note' : ''))).toEqual({
    kind: 'note',
    title: '',
    team: null,
    ...nothing,
  });
});
