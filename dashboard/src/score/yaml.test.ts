import { expect, test } from 'vitest';

import { yamlOf } from './yaml';

test('a Score file is written as people write it', () => {
  const spec = {
    apiVersion: 'score.dev/v1b1',
    metadata: { name: 'shop', annotations: {} },
    containers: { web: { image: 'nginx:1.27', args: ['-c', 'run it'], variables: { URL: '${resources.db.uri}' } } },
    resources: { db: { type: 'postgres', params: { connections: 20, replicas: [{ zone: 'a', size: 1 }] } } },
  };
  expect(yamlOf(spec)).toBe(
    [
      'apiVersion: score.dev/v1b1',
      'metadata:',
      '  name: shop',
      '  annotations: {}',
      'containers:',
      '  web:',
      '    image: "nginx:1.27"',
      '    args:',
      '      - "-c"',
      '      - run it',
      '    variables:',
      '      URL: ${resources.db.uri}',
      'resources:',
      '  db:',
      '    type: postgres',
      '    params:',
      '      connections: 20',
      '      replicas:',
      '        - zone: a',
      '          size: 1',
      '',
    ].join('\n'),
  );
});

test('what would be read as something else is quoted', () => {
  const odd = [
    'true',
    'null',
    '1',
    '',
    ' x',
    'a: b',
    '# no',
    "it's",
    '-',
    '1.5',
    'No',
    'a #b',
    '*x',
    '&x',
    '{a}',
    '~',
    '.5',
  ];
  for (const text of odd) expect(yamlOf({ text })).toBe(`text: ${JSON.stringify(text)}\n`);
  expect(yamlOf({ a: true, b: null, c: 1.5, d: [] })).toBe('a: true\nb: null\nc: 1.5\nd: []\n');
});

test('texts of several lines are blocks, and keep their end', () => {
  expect(yamlOf({ a: 'x\ny\n', b: 'x\n\ny', c: ' x\ny' })).toBe('a: |\n  x\n  y\nb: |-\n  x\n\n  y\nc: " x\\ny"\n');
  expect(yamlOf(['x\ny'])).toBe('- |-\n  x\n  y\n');
});
