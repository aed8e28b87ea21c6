import { isRecord } from '../api/problem';
import { figure } from '../design/words';

/** One step of a plan, as far as it is shown. */
export interface PlannedStep {
  name: string;
  type: string;
  image: string | undefined;
  condition: string | undefined;
  after: string[];
  /** What it may do beyond what every step may. */
  privileges: string[];
  secrets: string[];
  /** What is known when it runs, not before. */
  unknown: string[];
  problems: string[];
  config: Record<string, unknown>;
}

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.map((item: unknown) => (typeof item === 'string' ? item : JSON.stringify(item))) : [];
const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : undefined);

/** The steps of a plan. What it says beyond that stays in the plan: it is a document that grows with the engine. */
export function stepsOf(plan: Readonly<Record<string, unknown>>): PlannedStep[] {
  const steps: unknown[] = Array.isArray(plan.steps) ? plan.steps : [];
  return steps.filter(isRecord).map((step) => ({
    name: text(step.name) ?? '',
    type: text(step.type) ?? '',
    image: text(step.image),
    condition: text(step.condition),
    after: texts(step.depends_on),
    privileges: privilegesOf(step.privileges),
    secrets: texts(step.secrets),
    unknown: texts(step.unknown),
    problems: texts(step.problems),
    config: isRecord(step.config) ? step.config : {},
  }));
}

/** What is wrong with the plan as a whole. */
export function problemsOf(plan: Readonly<Record<string, unknown>>): string[] {
  return texts(plan.problems);
}

/** What a step may do beyond what every step may, in words. Targets of its network are names or addresses. */
export function privilegesOf(value: unknown): string[] {
  if (!isRecord(value)) return [];
  const { network, egress, writable_root: writable, memory_mib: memory, cpu_millis: cpu } = value;
  const targets = isRecord(egress) ? Object.keys(egress) : texts(egress);
  const said = targets.length > 0 ? `network to ${targets.join(', ')}` : `network ${String(network)}`;
  return [
    ...(typeof network === 'string' && network !== 'none' ? [said] : []),
    ...(writable === true ? ['writable root'] : []),
    ...(typeof memory === 'number' && memory > 0 ? [`${figure(memory)} MiB of memory`] : []),
    ...(typeof cpu === 'number' && cpu > 0 ? [`${String(cpu / 1000)} processors`] : []),
  ];
}
