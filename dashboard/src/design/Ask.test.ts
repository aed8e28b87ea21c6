import { expect, test } from 'vitest';

import { listOf } from './Ask';

test('names are read whatever stands between them', () => {
  expect(listOf('run.*, key.read\n  audit.read')).toEqual(['run.*', 'key.read', 'audit.read']);
  expect(listOf('  ')).toEqual([]);
});
