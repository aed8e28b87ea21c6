import { expect, test } from 'vitest';

import { told, weaknesses } from './posture';

test('what an engine says is told by name, also what is nested', () => {
  const posture = {
    engine: 'docker',
    seccomp: true,
    apparmor: false,
    runtimes: ['runc', 'crun'],
    limits: { pids: true },
    rootless: null,
    weaknesses: ['no user namespaces'],
  };
  expect(told(posture)).toEqual([
    ['engine', 'docker'],
    ['seccomp', 'yes'],
    ['apparmor', 'no'],
    ['runtimes', 'runc, crun'],
    ['limits: pids', 'yes'],
  ]);
  expect(weaknesses(posture)).toEqual(['no user namespaces']);
});

test('an engine that says nothing has nothing told', () => {
  expect([told({}), weaknesses({})]).toEqual([[], []]);
});
