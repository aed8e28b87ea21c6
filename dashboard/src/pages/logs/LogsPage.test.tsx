// What the page of a log shows before there are lines, where there are none, and when they cannot be had.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { renderToStaticMarkup } from 'react-dom/server';
import { beforeAll, expect, test, vi } from 'vitest';

import { ApiProblem } from '../../api/problem';
import { run as runQuery, type RunDetail } from '../../api/runs';
import { LogSource, type Standing } from '../../logs/source';
import type { Log } from '../../logs/useLog';
import { makeRouter } from '../../router';

const given = vi.hoisted<{ log: unknown }>(() => ({ log: undefined }));

vi.mock('../../logs/useLog', () => ({ useLog: () => given.log }));
// On a server there is nobody to watch a store for; here it is looked at once, as it is.
vi.mock('react', async (original) => ({
  ...(await original<object>()),
  useSyncExternalStore: (_: unknown, look: () => unknown) => look(),
}));

beforeAll(() => {
  vi.stubGlobal('matchMedia', () => ({ matches: false }));
  vi.stubGlobal('navigator', { userAgent: 'node' });
});

const id = '01a1fecc-468a-7104-a487-4a39114b686c';

async function seen(standing: Partial<Standing>, status = 'running', search = ''): Promise<string> {
  const source = new LogSource(() => new Promise(() => undefined), {});
  const log: Log = {
    source,
    standing: { opened: true, rows: 0, over: false, problem: undefined, ...standing },
    tail: 'open',
    groups: [],
    findGroups: () => undefined,
  };
  given.log = log;
  const client = new QueryClient();
  const run = { id, workflow: 'release', status, steps: [{ name: 'build', status, attempts: [] }] };
  client.setQueryData(runQuery(id).queryKey, run as unknown as RunDetail);
  const router = makeRouter(client);
  router.update({
    ...router.options,
    history: createMemoryHistory({ initialEntries: [`/runs/${id}/logs${search}`] }),
  });
  await router.load();
  const html = renderToStaticMarkup(
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  return html.slice(html.indexOf('<main'), html.indexOf('</main>'));
}

test('says that it loads while nothing is known of it', async () => {
  expect(await seen({ opened: false })).toContain('aria-label="Loading the log"');
});

test('says how to follow it while nothing was printed, and that nothing was when it is over', async () => {
  const waits = await seen({});
  for (const words of ['It has printed nothing yet', `slipway logs ${id} --follow`]) expect(waits).toContain(words);
  expect(await seen({ over: true }, 'completed')).toContain('It printed nothing');
  expect(await seen({ over: true }, 'completed', '?step=build')).toContain('Step build printed nothing');
});

test('says what the api says when lines cannot be had, and who may see them', async () => {
  const more = { action: 'run.read', object: `run/${id}` };
  const refused = new ApiProblem(403, 'forbidden', 'Forbidden', 'it is not for you', 'req-1', [], more);
  const html = await seen({ opened: false, problem: refused });
  for (const words of ['it is not for you', `slipway auth explain run.read run/${id}`]) expect(html).toContain(words);
  const down = new ApiProblem(503, 'log-archived', 'Archived', 'the log is in the archive', 'req-2', [], {});
  const broken = await seen({ opened: false, problem: down });
  for (const words of ['the log is in the archive', 'req-2', 'Try again']) expect(broken).toContain(words);
});

test('lines that are there stay when more cannot be had', async () => {
  const down = new ApiProblem(500, 'internal', 'Internal error', 'the database is away', 'req-3', [], {});
  const html = await seen({ rows: 1200, problem: down });
  for (const words of ['the database is away', 'aria-label="Log of release, 1\u202f200 lines"'])
    expect(html).toContain(words);
});
