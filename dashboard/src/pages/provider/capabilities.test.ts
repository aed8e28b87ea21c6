import { expect, test } from 'vitest';

import { capabilitiesOf } from './capabilities';

test('each resource type says which workflow serves which operation, and for which tags', () => {
  const create = {
    workflows: [
      { name: 'small', default: true },
      { name: 'large', tags: ['prod'] },
    ],
  };
  const [postgres, other] = capabilitiesOf({
    postgresql: { alias_for: 'postgres' },
    postgres: { operations: { create } },
  });
  expect(postgres?.operations.create).toEqual([
    { name: 'small', tags: [], byDefault: true },
    { name: 'large', tags: ['prod'], byDefault: false },
  ]);
  expect(postgres?.operations.read).toEqual([]);
  expect([other?.type, other?.alias]).toEqual(['postgresql', 'postgres']);
});
