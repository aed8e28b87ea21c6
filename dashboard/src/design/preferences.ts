import { useSyncExternalStore } from 'react';

/** What somebody chose about how pages look; kept by this browser. */
export interface Preferences {
  theme: 'system' | 'light' | 'dark';
  /** Whose clock times are told by. */
  zone: 'local' | 'utc';
}

const KEY = 'slipway.preferences';
const DEFAULTS: Preferences = { theme: 'system', zone: 'local' };

function read(): Preferences {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>;
    return {
      theme: kept.theme === 'light' || kept.theme === 'dark' ? kept.theme : 'system',
      zone: kept.zone === 'utc' ? 'utc' : 'local',
    };
  } catch {
    // A browser that keeps nothing, or something else under our name.
    return DEFAULTS;
  }
}

let preferences = DEFAULTS;
const listeners = new Set<() => void>();

function apply(): void {
  const root = document.documentElement;
  if (preferences.theme === 'system') delete root.dataset.theme;
  else root.dataset.theme = preferences.theme;
}

/** Makes the page look as was chosen before. Called once, before anything is drawn. */
export function begin(): void {
  preferences = read();
  apply();
}

/** What was chosen. */
export function usePreferences(): Preferences {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => preferences,
  );
}

/** Chooses. */
export function prefer(part: Partial<Preferences>): void {
  preferences = { ...preferences, ...part };
  apply();
  try {
    localStorage.setItem(KEY, JSON.stringify(preferences));
  } catch {
    // It holds until the page is left, then.
  }
  for (const listener of listeners) listener();
}
