import { expect, test } from 'vitest';

import { EventReader } from './parse';

const whole = 'event: ready\nid: 7-0\ndata: {"cursor":"7-0"}\n\nid: 8-1\ndata: one\ndata: two\n\n: alive\nid: 9-0\n\n';

test('events are read whole, wherever they are cut', () => {
  for (let cut = 0; cut <= whole.length; cut += 1) {
    const reader = new EventReader();
    const told = [...reader.read(whole.slice(0, cut)), ...reader.read(whole.slice(cut))];
    expect(told, String(cut)).toEqual([
      { name: 'ready', data: '{"cursor":"7-0"}', id: '7-0' },
      { name: 'message', data: 'one\ntwo', id: '8-1' },
    ]);
    expect(reader.id).toBe('9-0');
  }
});

test('lines may end as Windows has them', () => {
  expect(new EventReader().read('data: a\r\n\r\n')).toEqual([{ name: 'message', data: 'a', id: '' }]);
});
