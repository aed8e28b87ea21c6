import { expect, test } from 'vitest';

import { privilegesOf, problemsOf, stepsOf } from './steps';

test('a step says what it may do beyond what every step may', () => {
  const [first, second] = stepsOf({
    steps: [
      { name: 'a', type: 'shell', privileges: { network: 'none', egress: {}, writable_root: false } },
      {
        name: 'b',
        type: 'psql',
        depends_on: ['a'],
        privileges: { network: 'egress', egress: { db: '10.0.0.1:5432' } },
      },
    ],
  });
  expect(first?.privileges).toEqual([]);
  expect(second).toMatchObject({ after: ['a'], privileges: ['network to db'], secrets: [], config: {} });
});

test('privileges are said the same of a plan and of a step that ran', () => {
  const asked = { network: 'egress', egress: ['{{ .settings.host }}:5432'], memory_mib: 1024, cpu_millis: 1500 };
  expect(privilegesOf(asked)).toEqual([
    'network to {{ .settings.host }}:5432',
    '1\u202f024 MiB of memory',
    '1.5 processors',
  ]);
  expect(privilegesOf({ network: 'internal', egress: [], memory_mib: 0 })).toEqual(['network internal']);
});

test('a plan of another form is no plan, and no failure', () => {
  expect([stepsOf({}), stepsOf({ steps: 'none' }), problemsOf({ problems: ['no image'] })]).toEqual([
    [],
    [],
    ['no image'],
  ]);
});
