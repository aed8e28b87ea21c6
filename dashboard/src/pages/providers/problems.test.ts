import { expect, test } from 'vitest';

import { problemLine } from './problems';

test('a problem says its place as compilers do', () => {
  const known = { message: 'no such step', file: 'pg/provider.yaml', line: 4, column: 2 };
  expect(problemLine(known)).toEqual({ where: 'pg/provider.yaml:4:2', message: 'no such step' });
  expect(problemLine({ message: 'no answer' })).toEqual({ where: undefined, message: 'no answer' });
});

test('a problem of another form is shown as it is', () => {
  expect(problemLine({ odd: 1 }).message).toBe('{"odd":1}');
});
