import { expect, test } from 'vitest';

import { legible, writtenOut } from './legible';

test('what turns the direction of writing is written out, and what languages need stays', () => {
  expect(writtenOut('invoice\u202egnp.exe')).toBe('invoice⟨U+202E⟩gnp.exe');
  expect(writtenOut('\u2066a\u2069')).toBe('⟨U+2066⟩a⟨U+2069⟩');
  const persian = 'سلام\u200c\u200fدنیا';
  expect(writtenOut(persian)).toBe(persian);
});

async function answered(path: string, kind: string): Promise<string> {
  const given = new Response('{"name": "a\u202eb"}', { status: 404, headers: { 'content-type': kind } });
  const options = { request: new Request(`http://here${path}`), response: given };
  const now = (await legible.onResponse?.(options as Parameters<NonNullable<typeof legible.onResponse>>[0])) ?? given;
  expect(now.status).toBe(404);
  return now.text();
}

test('answers and problems are written out, and lines of logs are left as they are', async () => {
  expect(await answered('/api/resources', 'application/json')).toBe('{"name": "a⟨U+202E⟩b"}');
  expect(await answered('/api/resources', 'application/problem+json')).toBe('{"name": "a⟨U+202E⟩b"}');
  expect(await answered('/api/workflows/7/logs/lines', 'application/json')).toBe('{"name": "a\u202eb"}');
  expect(await answered('/api/resources', 'text/plain')).toBe('{"name": "a\u202eb"}');
});
