/** Which events change what is shown of a noun, which is the first part of its queries' keys. What is not here may be changed
 * by any. */
const CHANGED: Record<string, RegExp> = {
  runs: /^(run|step|approval|service)\./,
  applications: /^(application|resource)\./,
  resources: /^(resource|state)\./,
  providers: /^provider\./,
  'golden paths': /^provider\./,
  approvals: /^(approval|step|run)\./,
  may: /^$/,
  whoami: /^$/,
};

/** What changes with time alone, as ages and rates do, or without an event that tells of it: asked for again whatever happens. */
const TIMED = new Set(['queues', 'workers', 'bulk', 'audit', 'webhooks', 'notifications', 'teams']);

/** Whether an event of this kind may change what is shown of a noun. */
export function changes(kind: string, noun: unknown): boolean {
  return typeof noun !== 'string' || (CHANGED[noun]?.test(kind) ?? true);
}

/** Whether a noun changes without any event. */
export function timed(noun: unknown): boolean {
  return typeof noun === 'string' && TIMED.has(noun);
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Which events a page follows: of what it is about, or all that its reader may see. */
export function filterOf(path: string): string {
  const [noun, name] = path.split('/').slice(1).map(decodeURIComponent);
  if (name === undefined || name === '') return '';
  if (noun === 'runs' && UUID.test(name)) return `?run=${name}`;
  if (noun === 'resources' && UUID.test(name)) return `?resource=${name}`;
  if (noun === 'applications') return `?application=${encodeURIComponent(name)}`;
  return '';
}
