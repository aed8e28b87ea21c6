import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';

import type { Explanation } from '../../api/runs';
import { Explaining } from './Explained';

const waits: Explanation = {
  run: '01a1fecc-468a-7104-a487-4a39114b686c',
  status: 'pending',
  code: 'TypeLimit',
  what: "at most 2 run(s) of type 'postgres' go at once, and as many do",
  blocked_by: [{ kind: 'limit', id: 'type/postgres', name: 'type/postgres', link: '/api/limits/type/postgres' }],
  since: '2026-11-21T15:04:05Z',
  unblocked_by: 'the end of a run on a resource of that type',
  position: 3,
  estimate: { seconds: 62, basis: '2 go at once' },
};

test('a run that waits says what blocks it, what ends that, its place and how long it may take', () => {
  const html = renderToStaticMarkup(<Explaining it={waits} said="" />);
  for (const words of [
    'at most 2 run(s)',
    'limit type/postgres',
    'What ends it: the end',
    'number 3',
    '1\u00a0m\u00a002\u00a0s',
  ]) {
    expect(html).toContain(words);
  }
});

test('what the run said already is not said twice, and what is not known not at all', () => {
  const little = { ...waits, blocked_by: [], unblocked_by: null, position: null, estimate: null };
  expect(renderToStaticMarkup(<Explaining it={little} said={waits.what} />)).toBe('');
  expect(renderToStaticMarkup(<Explaining it={{ ...waits, code: null }} said="" />)).toBe('');
});

test('one far back in a long line is said to be so', () => {
  expect(renderToStaticMarkup(<Explaining it={{ ...waits, position: 10_001 }} said="" />)).toContain('or further back');
});
