import { expect, test } from 'vitest';

import { readYaml } from './read';
import { yamlOf } from './yaml';

const spec = {
  apiVersion: 'score.dev/v1b1',
  metadata: { name: 'shop', annotations: { note: 'a: b # c', on: 'true' } },
  containers: {
    web: {
      image: 'nginx:1.27',
      args: ['-c', 'run it', '1'],
      script: 'echo one\n\n  echo two\n',
      variables: { URL: '${resources.db.uri}', empty: '' },
    },
  },
  resources: {
    db: { type: 'postgres', params: { size: 20, ha: true, none: null, zones: [{ zone: 'a', at: [1, 2] }] } },
  },
};

test('what is written here is read as it was', () => {
  expect(readYaml(yamlOf(spec))).toEqual(spec);
});

test('files are read as people write them', () => {
  const text = `---
# a file
metadata:
  name: shop   # its name
  labels: {"tier": "web"}
  url: http://example.com/#x
items:
- one
- 'it''s'
-
  deep: 1
- name: two
  size: -1.5
folded: >-
  one
  two
`;
  expect(readYaml(text)).toEqual({
    metadata: { name: 'shop', labels: { tier: 'web' }, url: 'http://example.com/#x' },
    items: ['one', "it's", { deep: 1 }, { name: 'two', size: -1.5 }],
    folded: 'one two',
  });
  expect(readYaml('{"a": 1}')).toEqual({ a: 1 });
  expect(readYaml('just words')).toBe('just words');
});

test('what is beyond it is refused, not guessed', () => {
  for (const text of [
    'a: &x 1',
    'a: *x',
    'a: !!str 1',
    'a: 1\na: 2',
    'a: 1\n  b: 2',
    'a: {b: 1}',
    "a: 'x",
    'a: 1\n---\nb: 2',
  ]) {
    expect([text, readYaml(text)]).toEqual([text, undefined]);
  }
});
