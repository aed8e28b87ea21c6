import { focusManager, onlineManager, QueryClient, QueryObserver } from '@tanstack/react-query';
import { afterEach, expect, test, vi } from 'vitest';

import { togglePause, unlessPaused, watch } from './live';

afterEach(() => {
  vi.unstubAllGlobals();
  focusManager.setFocused(undefined);
});

/** Something that is shown, and how often it was asked for. */
async function shown() {
  vi.stubGlobal('document', new EventTarget());
  const client = new QueryClient({ defaultOptions: { queries: unlessPaused } });
  client.mount();
  watch(client);
  const queryFn = vi.fn(() => Promise.resolve('it'));
  const gone = new QueryObserver(client, { queryKey: ['runs'], queryFn }).subscribe(() => undefined);
  const asked = async () => {
    await vi.waitFor(() => expect(client.isFetching()).toBe(0));
    return queryFn.mock.calls.length;
  };
  expect(await asked()).toBe(1);
  return {
    asked,
    end: () => {
      gone();
      client.unmount();
    },
  };
}

const RETURNS = {
  'to the page': (away: boolean) => focusManager.setFocused(!away),
  'to the network': (away: boolean) => onlineManager.setOnline(!away),
};

test.each(Object.entries(RETURNS))('who comes back %s sees what is new, but not while it is paused', async (_, be) => {
  const { asked, end } = await shown();
  const back = async () => {
    be(true);
    be(false);
    return asked();
  };
  expect(await back()).toBe(2);
  togglePause();
  expect(await back()).toBe(2);
  togglePause();
  expect(await asked()).toBe(3);
  expect(await back()).toBe(4);
  end();
});

test('what goes on after a pause is asked for again, and nothing when it begins', async () => {
  const { asked, end } = await shown();
  togglePause();
  expect(await asked()).toBe(1);
  togglePause();
  expect(await asked()).toBe(2);
  end();
});
