import { expect, test } from 'vitest';

import { told } from './told';

test('an event is told in one line, without what its name says', () => {
  const data = { status: 'pending', attempt: 2, exit_code: 3, error_code: null, retry_in_s: 3.353735319 };
  expect(told(data)).toBe('attempt 2 · exit code 3 · retry in s 3.4');
});
