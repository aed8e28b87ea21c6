import { useSyncExternalStore } from 'react';

// One clock for the page: relative times move together, and a page with a thousand of them has one timer.
let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    now = Date.now();
    for (const each of listeners) each();
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function current(): number {
  // Nobody kept it going: it may have stood for long.
  if (timer === undefined && Date.now() - now > 1000) now = Date.now();
  return now;
}

/** Now, in milliseconds, to the second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, current);
}
