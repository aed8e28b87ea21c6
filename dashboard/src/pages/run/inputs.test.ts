import { expect, test } from 'vitest';

import { changed, readInputs, textOf } from './inputs';

const parameters = [
  { name: 'service', type: 'string' },
  { name: 'replicas', type: 'number' },
  { name: 'force', type: 'boolean' },
  { name: 'labels', type: 'map' },
];

test('what is as it was is not sent again', () => {
  const before = { replicas: 3, note: 'a', tags: ['x'] };
  expect(changed({ replicas: 4, note: 'a', tags: ['x'] }, before)).toEqual({ replicas: 4 });
  expect([textOf('a'), textOf(3), textOf(['x'])]).toEqual(['a', '3', '["x"]']);
});

test('what is typed becomes what the parameter takes, and what is not typed stays', () => {
  const texts = { service: '3', replicas: '5', force: 'false', labels: '' };
  expect(readInputs(parameters, texts)).toEqual({ inputs: { service: '3', replicas: 5, force: false }, mistakes: {} });
});

test('what cannot be read is said by name', () => {
  const { inputs, mistakes } = readInputs(parameters, { replicas: 'many', labels: '{"a": 1}' });
  expect(inputs).toEqual({ labels: { a: 1 } });
  expect(mistakes).toEqual({ replicas: 'replicas: a number, as 3' });
});
