import { QueryClient } from '@tanstack/react-query';
import { beforeEach, expect, test, vi } from 'vitest';

import { mayQuery } from './may';

const sent = vi.hoisted(() => ({ bodies: [] as { questions: { action: string; object?: string }[] }[], fails: false }));

vi.mock('./client', async (original) => ({
  ...(await original<object>()),
  api: {
    POST: (_: string, { body }: { body: (typeof sent.bodies)[number] }) => {
      sent.bodies.push(body);
      if (sent.fails) return Promise.resolve({ error: {}, response: new Response(null, { status: 503 }) });
      const answers = body.questions.map(({ action, object }) => ({
        allowed: action === 'run.read',
        action,
        object,
        message: '',
      }));
      return Promise.resolve({ data: { answers }, response: new Response() });
    },
  },
}));

beforeEach(() => {
  sent.bodies = [];
  sent.fails = false;
});

const client = () => new QueryClient({ defaultOptions: { queries: { retry: false } } });

test('what a page wants to know is asked once, and each gets its own answer', async () => {
  const of = client();
  const asked = [
    of.query(mayQuery('run.cancel', 'run/1')),
    of.query(mayQuery('run.read', 'run/1')),
    of.query(mayQuery('run.read', 'run/1')),
    of.query(mayQuery('metrics.read')),
  ];
  const answers = await Promise.all(asked);
  expect(answers.map(({ allowed }) => allowed)).toEqual([false, true, true, false]);
  expect(sent.bodies).toEqual([
    {
      questions: [
        { action: 'run.cancel', object: 'run/1' },
        { action: 'run.read', object: 'run/1' },
        { action: 'metrics.read' },
      ],
    },
  ]);
});

test('more than fifty questions go in several requests', async () => {
  const of = client();
  await Promise.all(Array.from({ length: 120 }, (_, n) => of.query(mayQuery('run.read', `run/${String(n)}`))));
  expect(sent.bodies.map(({ questions }) => questions.length)).toEqual([50, 50, 20]);
});

test('a request that fails fails for all that asked', async () => {
  sent.fails = true;
  const of = client();
  const asked = [of.query(mayQuery('run.read')), of.query(mayQuery('run.cancel'))];
  const outcomes = await Promise.allSettled(asked);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});
