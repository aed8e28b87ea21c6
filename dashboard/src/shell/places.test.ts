import { expect, test } from 'vitest';

import { placesFor, type Place } from './places';

const shop: Place = { kind: 'Application', label: 'shop', to: { to: '/runs', search: { application: 'shop' } } };

test('settings and what is named are found by their kind too', () => {
  const queue: Place = { kind: 'Queue', label: 'gpu', to: { to: '/queues/$name', params: { name: 'gpu' } } };
  const labels = (text: string) => placesFor(text, [queue]).map(({ kind, label }) => `${kind} ${label}`);
  expect(labels('webh')).toContain('Settings Webhooks');
  expect(labels('queue gpu')).toContain('Queue gpu');
  expect(labels('gpu')[0]).toBe('Queue gpu');
});

test('without words, the pages are shown', () => {
  expect(placesFor('', [shop]).map((place) => place.label)).toEqual(expect.arrayContaining(['Overview', 'Runs']));
});

test('an id leads to what could have it, and nowhere else', () => {
  const id = '01a1fdb5-b5d6-761d-91d4-10536f225da1';
  expect(placesFor(` ${id} `, [shop])).toEqual([
    { kind: 'Run', label: id, to: { to: '/runs/$id', params: { id } } },
    { kind: 'Resource', label: id, to: { to: '/resources/$id', params: { id } } },
  ]);
});

test('a part of a name leads to what has it, and to lists that can be asked for by it', () => {
  expect(placesFor('sho', [shop]).map((place) => place.kind)).toEqual(['Application', 'Runs', 'Resources', 'Runs']);
});
