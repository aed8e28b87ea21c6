import type { RunDetail, Step } from '../../api/runs';

/** Something that both runs have, or one of them. */
export interface Side<T> {
  name: string;
  one: T | undefined;
  other: T | undefined;
}

/** What two lists have by name, in the order of the first; what only the second has comes where it has it. */
export function paired<T extends { name: string }>(ones: readonly T[], others: readonly T[]): Side<T>[] {
  const left = new Map(others.map((it) => [it.name, it]));
  const pairs: Side<T>[] = [];
  for (const one of ones) {
    if (left.has(one.name)) {
      // Those of the second that come before it.
      for (const [name, other] of left) {
        if (name === one.name || ones.some((it) => it.name === name)) break;
        pairs.push({ name, one: undefined, other });
        left.delete(name);
      }
    }
    pairs.push({ name: one.name, one, other: left.get(one.name) });
    left.delete(one.name);
  }
  return [...pairs, ...[...left].map(([name, other]) => ({ name, one: undefined, other }))];
}

/** Values by name, of which some differ. Objects are gone into, so that what differs is what is shown. */
export function values(
  one: Record<string, unknown> | null | undefined,
  other: Record<string, unknown> | null | undefined,
): Side<string>[] {
  const [ones, others] = [flat(one ?? {}), flat(other ?? {})];
  return [...new Set([...ones.keys(), ...others.keys()])]
    .sort()
    .map((name) => ({ name, one: ones.get(name), other: others.get(name) }));
}

function flat(value: Record<string, unknown>, before = ''): Map<string, string> {
  const all = new Map<string, string>();
  for (const [name, part] of Object.entries(value)) {
    const path = before === '' ? name : `${before}.${name}`;
    if (typeof part === 'object' && part !== null && !Array.isArray(part) && Object.keys(part).length > 0) {
      for (const [inner, text] of flat(part as Record<string, unknown>, path)) all.set(inner, text);
    } else {
      all.set(path, typeof part === 'string' ? part : JSON.stringify(part));
    }
  }
  return all;
}

/** Seconds that a step took, all its tries together; nothing while it is not over, or when it ran elsewhere. */
export function lasted(step: Pick<Step, 'started_at' | 'finished_at' | 'inherited'> | undefined): number | undefined {
  if (step?.started_at == null || step.finished_at == null || step.inherited) return undefined;
  return (Date.parse(step.finished_at) - Date.parse(step.started_at)) / 1000;
}

/** The image that a step ran in last. */
export function imageOf(step: Step | undefined): string | undefined {
  const last = step?.attempts.at(-1);
  return last?.image_id ?? last?.image ?? undefined;
}

/** What is known of a run as a whole, by name. */
export function facts(run: RunDetail): Record<string, string> {
  const { status, workflow, provider, provider_version, provider_commit, operation, queue, team, requested_by } = run;
  const known = {
    status,
    workflow,
    operation,
    provider: `${provider} ${provider_version}`,
    commit: provider_commit,
    queue: `${queue}, priority ${String(run.priority)}`,
    team,
    'asked for by': requested_by,
    error: run.error_message ?? run.error_code,
  };
  return Object.fromEntries(Object.entries(known).filter((it): it is [string, string] => it[1] != null));
}
