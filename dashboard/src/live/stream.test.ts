import { afterEach, expect, test, vi } from 'vitest';

import { Stream, type StreamState } from './stream';

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** A connection that says these things and then ends, or stays. */
function connection(parts: string[], stays = false): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const part of parts) controller.enqueue(encoder.encode(part));
      if (!stays) controller.close();
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

function followed(answers: (() => Response)[]) {
  const asked: (string | null)[] = [];
  vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
    asked.push(new Headers(init.headers).get('last-event-id'));
    const answer = answers[Math.min(asked.length, answers.length) - 1];
    return answer === undefined ? Promise.reject(new Error('down')) : Promise.resolve(answer());
  });
  const heard: string[] = [];
  const states: StreamState[] = [];
  const stream = new Stream({
    heard: (event) => heard.push(event.data),
    alive: () => undefined,
    told: (state) => {
      if (states.at(-1) !== state) states.push(state);
    },
  });
  return { stream, asked, heard, states };
}

test('a stream that breaks goes on from the last event, or the last sign of life', async () => {
  vi.useFakeTimers();
  const { stream, asked, heard, states } = followed([
    () => connection(['id: 1-0\ndata: a\n\n', 'id: 2-0\nda', 'ta: b\n\n: alive\nid: 5-0\n\n']),
    () => connection(['id: 6-0\ndata: c\n\n'], true),
  ]);
  stream.follow('');
  await vi.advanceTimersByTimeAsync(1000);
  expect(heard).toEqual(['a', 'b', 'c']);
  expect(asked).toEqual([null, '5-0']);
  expect(states).toEqual(['open', 'lost', 'open']);
  stream.stop();
});

test('what follows something else goes on from the same place', async () => {
  vi.useFakeTimers();
  const { stream, asked } = followed([() => connection(['id: 9-0\ndata: a\n\n'], true)]);
  stream.follow('?run=1');
  await vi.advanceTimersByTimeAsync(10);
  stream.follow('?run=2');
  await vi.advanceTimersByTimeAsync(10);
  expect(asked).toEqual([null, '9-0']);
  stream.stop();
});

test('a refusal is told as one, and asked about again only after a while', async () => {
  vi.useFakeTimers();
  const { stream, asked, states } = followed([() => new Response('', { status: 429 })]);
  stream.follow('');
  await vi.advanceTimersByTimeAsync(20_000);
  expect([states, asked.length]).toEqual([['refused'], 1]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(asked.length).toBe(2);
  stream.stop();
});

test('a connection that says nothing for long is made again', async () => {
  vi.useFakeTimers();
  let aborted = false;
  vi.stubGlobal('fetch', (_: string, { signal }: RequestInit) => {
    const response = connection(['id: 1-0\ndata: a\n\n'], true);
    return new Promise<Response>((done, fail) => {
      signal?.addEventListener('abort', () => {
        aborted = true;
        fail(new Error('silent'));
      });
      if (aborted) done(response);
    });
  });
  const heard: string[] = [];
  const stream = new Stream({
    heard: (event) => heard.push(event.data),
    alive: () => undefined,
    told: () => undefined,
  });
  stream.follow('');
  await vi.advanceTimersByTimeAsync(39_000);
  expect(heard).toEqual([]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(heard).toEqual(['a']);
  stream.stop();
});
