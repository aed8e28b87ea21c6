// What each page shows while it loads, when there is nothing, when the api fails, and to those who may not see it.
import { QueryClient, QueryClientProvider, type QueryKey } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { renderToStaticMarkup } from 'react-dom/server';
import { beforeAll, describe, expect, test, vi } from 'vitest';

import { makeRouter } from '../router';
import { EMPTY, FILTERED, PAGES, STILL } from './pages';

/** What the api says to a question for a path: an answer, a problem, or nothing ever. */
type Says = (path: string) => { data: unknown } | { problem: Record<string, unknown> & { status: number } } | 'nothing';

const api = vi.hoisted<{ says: Says }>(() => ({ says: () => 'nothing' }));

vi.mock('../api/client', async (original) => {
  const ask = (path: string) => {
    const said = api.says(path);
    if (said === 'nothing') return new Promise(() => undefined);
    if ('data' in said) return Promise.resolve({ data: said.data, response: new Response(null, { status: 200 }) });
    const { status } = said.problem;
    return Promise.resolve({ error: said.problem, response: new Response(null, { status }) });
  };
  return { ...(await original<object>()), api: { GET: ask, POST: ask } };
});

// On a server there is nobody to watch a store for; here it is looked at once, as it is.
vi.mock('react', async (original) => ({
  ...(await original<object>()),
  useSyncExternalStore: (_: unknown, look: () => unknown) => look(),
}));

beforeAll(() => {
  vi.stubGlobal('matchMedia', () => ({ matches: false }));
  vi.stubGlobal('navigator', { userAgent: 'node' });
});

/** What is seen at an address when everything that the page asks for was answered. */
async function seen(path: string, says: Says): Promise<string> {
  api.says = says;
  const client = new QueryClient({ defaultOptions: { queries: { retry: false, retryOnMount: false } } });
  const router = makeRouter(client);
  router.update({ ...router.options, history: createMemoryHistory({ initialEntries: [path] }) });
  await router.load();
  const drawn = () =>
    renderToStaticMarkup(
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>,
    );
  const asked = new Set<QueryKey>();
  let html = drawn();
  // What comes may lead to further questions.
  for (let round = 0; round < 4 && says(path) !== 'nothing'; round++) {
    const open = client
      .getQueryCache()
      .getAll()
      .filter((query) => !asked.has(query.queryKey));
    if (open.length === 0) break;
    for (const query of open) asked.add(query.queryKey);
    await Promise.allSettled(open.map((query) => query.fetch()));
    html = drawn();
  }
  return html.slice(html.indexOf('<main'), html.indexOf('</main>'));
}

const refused = { title: 'Forbidden', detail: 'it is not for you', request_id: 'req-1' };

describe.each(PAGES)('$path', ({ path, asks, action }) => {
  /** The problem for what the page is about, and what is empty for the rest. */
  const only = (problem: Record<string, unknown> & { status: number }): Says => {
    return (asked) => (asks.includes(asked) ? { problem } : { data: EMPTY[asked] ?? { items: [] } });
  };

  test('says that it loads while nothing has come', async () => {
    const html = await seen(path, () => 'nothing');
    expect(html).toContain('aria-label="Loading ');
    expect(html).not.toContain('class="empty"');
  });

  test('says what the api says when it fails, with the request and a way to ask again', async () => {
    const html = await seen(
      path,
      only({ status: 500, title: 'Internal error', detail: 'the database is away', request_id: 'req-7' }),
    );
    for (const words of [
      'role="alert"',
      'Internal error',
      'the database is away',
      'req-7',
      'Try again',
      'slipway doctor',
    ]) {
      expect(html).toContain(words);
    }
  });

  test('says who may see it to those who may not', async () => {
    const html = await seen(path, only({ status: 403, ...refused, action }));
    expect(html).toContain('it is not for you');
    expect(html).toContain(`slipway auth explain ${action}`);
  });
});

describe.each(PAGES.flatMap(({ path, asks, missing }) => (missing === undefined ? [] : [{ path, asks, missing }])))(
  '$path',
  ({ path, asks, missing: [detail, command] }) => {
    test('says by which command one learns what there is when it is not there', async () => {
      const problem = { status: 404, title: 'Not found', detail, request_id: 'req-2' };
      const html = await seen(path, (asked) =>
        asks.includes(asked) ? { problem } : { data: EMPTY[asked] ?? { items: [] } },
      );
      expect(html).toContain(command);
    });
  },
);

const nothing: Says = (asked) => ({ data: EMPTY[asked] ?? { items: [] } });

test.each(STILL)('%s says what it is for, and what to do', async (path, words) => {
  const html = await seen(path, nothing);
  for (const word of words) expect(html).toContain(word);
});

test.each(FILTERED)('%s says that its filters leave nothing, and how to see all', async (path, command) => {
  const html = await seen(path, nothing);
  for (const word of ['is like that', 'Clear the filters', command]) expect(html).toContain(word);
});

describe.each(PAGES.filter(({ empty }) => empty !== undefined))('$path', ({ path, empty = [] }) => {
  test('says what to do when there is nothing', async () => {
    const html = await seen(path, (asked) => ({ data: EMPTY[asked] ?? { items: [] } }));
    for (const words of empty) expect(html).toContain(words);
    expect(html).not.toContain('role="alert"');
  });
});
