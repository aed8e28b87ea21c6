import type { Provider } from '../../api/providers';

/** All versions of a provider that are loaded. */
export interface Named {
  /** The one that serves where no application pins another. */
  serving: Provider;
  others: Provider[];
}

/** Versions put together by name, names in their order. */
export function byName(providers: readonly Provider[]): Named[] {
  const found = new Map<string, Named>();
  for (const provider of providers) {
    const named = found.get(provider.name);
    if (named === undefined) found.set(provider.name, { serving: provider, others: [] });
    else if (provider.default)
      found.set(provider.name, { serving: provider, others: [named.serving, ...named.others] });
    else named.others.push(provider);
  }
  return [...found.values()].sort((one, other) => one.serving.name.localeCompare(other.serving.name));
}

/** Whether every word is somewhere in what one would look for a provider by. */
export function holdsWords(provider: Provider, words: string): boolean {
  const { name, description, category, tags, resource_types: resources, step_types: steps } = provider;
  const text = [name, description, category, ...tags, ...resources, ...steps].join(' ').toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
