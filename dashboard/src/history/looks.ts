import { useSyncExternalStore } from 'react';

import { usePreferences } from '../design/preferences';

const DARK = '(prefers-color-scheme: dark)';

function subscribe(listener: () => void): () => void {
  const media = matchMedia(DARK);
  media.addEventListener('change', listener);
  return () => media.removeEventListener('change', listener);
}

/** Whether what is seen is light or dark: for what is drawn once and has to be drawn anew. */
export function useLooks(): 'light' | 'dark' {
  const { theme } = usePreferences();
  const dark = useSyncExternalStore(
    subscribe,
    () => matchMedia(DARK).matches,
    () => false,
  );
  return theme === 'system' ? (dark ? 'dark' : 'light') : theme;
}
