import { expect, test } from 'vitest';

import { hintsFor } from './hints';

const it = { id: '7', name: 'db', state: 'active', outputs: {}, sensitive_outputs: [], drift_since: null };

test('only plain addresses of the web become links', () => {
  const outputs = {
    console: 'https://console.example.com/db',
    uri: 'postgres://u:p@db/x',
    script: 'javascript:alert(1)',
    login: 'https://user:secret@example.com',
    token: 'https://example.com/secret',
    turned: 'https://example.com/\u202emoc.lave',
    hidden: 'https://exam\u200bple.com/',
    port: 5432,
  };
  const links = hintsFor({ ...it, outputs, sensitive_outputs: ['token'] }).filter(({ kind }) => kind === 'link');
  expect(links).toEqual([{ kind: 'link', name: 'console', address: 'https://console.example.com/db' }]);
});

test('what failed is offered what mends it', () => {
  const commands = hintsFor({ ...it, state: 'failed' }).flatMap((hint) =>
    hint.kind === 'command' ? hint.command : [],
  );
  expect(commands).toEqual(['slipway resource retry 7', 'slipway resource adopt 7', 'slipway resource get 7']);
});
