import type { Query, QueryClient } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';

import { asProblem } from '../api/problem';
import { changes, filterOf, timed } from './concerns';
import type { Told } from './parse';
import { Stream, type StreamState } from './stream';

/**
 * How pages stay true: one stream of events a page says that something happened, and queries that are marked live and that it
 * may change are asked again. Where no stream can be had they are asked every few seconds. All that knows of it is here.
 */
export interface LiveState {
  /** Somebody asked for the page to stand still. */
  paused: boolean;
  /** The last time that anything came, in milliseconds. */
  heardAt: number | undefined;
  /** What is shown may be old: the last attempt to ask failed. */
  failing: boolean;
  stream: StreamState;
}

/** Events that come together are answered together. */
const SOON_MS = 150;
/** How often it is asked all the same: why a run waits, or that it was given to a queue, is no event. */
const ANYWAY_S = 15;
/** A page that nobody has seen for this long follows nothing: browsers allow few connections. */
const UNSEEN_MS = 20_000;

let state: LiveState = { paused: false, heardAt: undefined, failing: false, stream: 'none' };
const listeners = new Set<() => void>();

function change(part: Partial<LiveState>): void {
  state = { ...state, ...part };
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** How live the page is. */
export function useLiveState(): LiveState {
  return useSyncExternalStore(
    subscribe,
    () => state,
    () => state,
  );
}

/** Whom all is asked through, since pages are watched. */
let asked: QueryClient | undefined;

/** Lets the page stand still, or move again: then all that it shows is asked for, whoever says so and however. */
export function togglePause(): void {
  change({ paused: !state.paused });
  if (!state.paused) void asked?.invalidateQueries();
}

const moving = () => !state.paused;

/** The part of every query's options that lets a page stand still: who comes back to it, or to the network, has nothing asked. */
export const unlessPaused = { refetchOnWindowFocus: moving, refetchOnReconnect: moving };

/** Keeps pages true. Called once; tells what follows a page's path. */
export function watch(client: QueryClient): (path: string) => void {
  asked = client;
  client.getQueryCache().subscribe((event) => {
    if (event.type !== 'updated') return;
    if (event.action.type === 'success') change({ heardAt: Date.now(), failing: false });
    // What was refused, or is not there, is an answer of now.
    const { action } = event;
    const failed = action.type === 'error' || action.type === 'failed';
    if (failed && asProblem(action.error).passing) change({ failing: true });
  });

  const asker = new Asker(client);
  let begun = false;
  const stream = new Stream({
    heard: (event) => {
      // What was read before the stream began may have changed in between; from then on nothing is missed.
      if (event.name === 'reset' || (event.name === 'ready' && !begun)) asker.all();
      if (event.name === 'ready') begun = true;
      if (event.name === 'message') asker.about(kindOf(event));
    },
    // While it stands still, what is shown is as old as it is, whatever the stream says.
    alive: () => {
      if (!state.paused) change({ heardAt: Date.now() });
    },
    told: (now) => {
      if (now !== state.stream) change({ stream: now });
    },
  });

  let filter: string | undefined;
  let unseen: ReturnType<typeof setTimeout> | undefined;
  document.addEventListener('visibilitychange', () => {
    clearTimeout(unseen);
    if (document.hidden) {
      unseen = setTimeout(() => {
        stream.stop();
        change({ stream: 'none' });
      }, UNSEEN_MS);
    } else if (state.stream === 'none' && filter !== undefined) {
      stream.follow(filter);
    }
  });
  return (path) => {
    const next = filterOf(path);
    if (next === filter) return;
    filter = next;
    stream.follow(next);
  };
}

/** Asks queries again, each as soon as it may: under a rush of events no more often than it says. */
class Asker {
  private readonly due = new Set<string>();

  constructor(private readonly client: QueryClient) {}

  all(): void {
    this.ask(() => true);
  }

  about(kind: string): void {
    this.ask((query) => changes(kind, query.queryKey[0]));
  }

  private ask(concerns: (query: Query) => boolean): void {
    for (const query of this.client.getQueryCache().getAll()) {
      const { live } = query.meta ?? {};
      if (typeof live !== 'number' || !query.isActive() || this.due.has(query.queryHash) || !concerns(query)) continue;
      const next = query.state.dataUpdatedAt + live * 1000 * pages(query.state.data);
      this.due.add(query.queryHash);
      setTimeout(
        () => {
          this.due.delete(query.queryHash);
          if (state.paused || !query.isActive()) return;
          void this.client.refetchQueries({ queryKey: query.queryKey, exact: true });
        },
        Math.max(SOON_MS, next - Date.now()),
      );
    }
  }
}

function kindOf({ data }: Told): string {
  try {
    return String((JSON.parse(data) as { type?: unknown }).type);
  } catch {
    return '';
  }
}

function standing(): string {
  return `${String(state.paused)} ${state.stream}`;
}

/**
 * The part of a query's options that makes it live: asked again when something happened that may change it, at most once in so
 * many seconds; a list's pages are all asked again, so the more of them are shown the longer it waits. `by: 'time'` is for what
 * changes without an event, as the lines of a log do: asked again after so many seconds, whatever happens.
 */
export function useLive(seconds: number, by: 'events' | 'time' = 'events') {
  useSyncExternalStore(subscribe, standing, standing);
  return {
    meta: { live: seconds },
    refetchInterval: (query: { queryKey?: readonly unknown[]; state: { data: unknown; error: Error | null } }) => {
      if (state.paused || (query.state.error !== null && !asProblem(query.state.error).passing)) return false as const;
      const told = state.stream === 'open' && by === 'events' && !timed(query.queryKey?.[0]);
      return (told ? Math.max(ANYWAY_S, seconds) : seconds) * 1000 * pages(query.state.data);
    },
  };
}

function pages(data: unknown): number {
  const held = data as { pages?: unknown } | undefined;
  return Array.isArray(held?.pages) ? Math.max(1, held.pages.length) : 1;
}
