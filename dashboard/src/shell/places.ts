import type { NavigateOptions } from '@tanstack/react-router';

import { DESTINATIONS, SETTINGS } from './destinations';

/** Somewhere that the palette leads to. */
export interface Place {
  /** What kind of thing it is, as `Page`. */
  kind: string;
  label: string;
  to: NavigateOptions;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** As many as are read before one types another letter. */
const MOST = 12;

/** Where `text` leads, best first: pages by name, runs and resources by id, and what is known by name. `named` is what the api lists. */
export function placesFor(text: string, named: readonly Place[]): Place[] {
  const wanted = text.trim().toLowerCase();
  const pages = DESTINATIONS.filter((page) => holds(`${page.label} ${page.words}`, wanted)).map((page): Place => ({
    kind: 'Page',
    label: page.label,
    to: { to: page.to },
  }));
  if (wanted === '') return pages;
  if (UUID.test(wanted)) {
    // An id does not say what it is of.
    return [
      { kind: 'Run', label: wanted, to: { to: '/runs/$id', params: { id: wanted } } },
      { kind: 'Resource', label: wanted, to: { to: '/resources/$id', params: { id: wanted } } },
    ];
  }
  const parts = SETTINGS.filter(([, label]) => holds(`settings ${label}`, wanted)).map(([tab, label]): Place => ({
    kind: 'Settings',
    label,
    to: { to: '/settings', search: { tab } },
  }));
  const found = [...parts, ...named.filter((place) => holds(`${place.kind} ${place.label}`, wanted))];
  const asked: Place[] = [
    {
      kind: 'Runs',
      label: `for the application “${text.trim()}”`,
      to: { to: '/runs', search: { application: text.trim() } },
    },
    {
      kind: 'Resources',
      label: `of the type “${text.trim()}”`,
      to: { to: '/resources', search: { type: text.trim() } },
    },
    { kind: 'Runs', label: `of the workflow “${text.trim()}”`, to: { to: '/runs', search: { workflow: text.trim() } } },
  ];
  return [...pages, ...found.slice(0, MOST - pages.length - asked.length), ...asked];
}

/** Whether every word that is looked for is somewhere in it. */
function holds(text: string, wanted: string): boolean {
  const lower = text.toLowerCase();
  return wanted.split(/\s+/).every((word) => lower.includes(word));
}
