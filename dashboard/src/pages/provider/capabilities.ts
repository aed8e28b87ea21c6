import { isRecord } from '../../api/problem';

/** A workflow that may serve an operation, and when it is chosen. */
export interface Choice {
  name: string;
  tags: string[];
  byDefault: boolean;
}

/** What a provider does for a resource type. */
export interface Capability {
  type: string;
  /** It is another name for this type. */
  alias: string | undefined;
  operations: Record<Operation, Choice[]>;
}

export const OPERATIONS = ['create', 'read', 'update', 'delete'] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Capabilities as the api tells them, types in their order. */
export function capabilitiesOf(told: Readonly<Record<string, unknown>>): Capability[] {
  return Object.entries(told)
    .map(([type, value]): Capability => {
      const held = isRecord(value) ? value : {};
      const operations = isRecord(held.operations) ? held.operations : {};
      const of = (operation: Operation) => choicesOf(operations[operation]);
      return {
        type,
        alias: typeof held.alias_for === 'string' ? held.alias_for : undefined,
        operations: { create: of('create'), read: of('read'), update: of('update'), delete: of('delete') },
      };
    })
    .sort((one, other) => one.type.localeCompare(other.type));
}

function choicesOf(value: unknown): Choice[] {
  const workflows: unknown[] = isRecord(value) && Array.isArray(value.workflows) ? value.workflows : [];
  return workflows.filter(isRecord).map((choice) => ({
    name: String(choice.name),
    tags: Array.isArray(choice.tags) ? choice.tags.map(String) : [],
    byDefault: choice.default === true,
  }));
}
