/** What a page is looked at for. */
interface Looked {
  path: string;
  /** What the api is asked for what the page is about. */
  asks: readonly string[];
  /** What one must be allowed to do to see it. */
  action: string;
  /** What is said when there is nothing: why, and the exact next command. Without it, the page is of one thing. */
  empty?: readonly string[];
  /** What the api says when the thing is not there, and the command that lists those that are. */
  missing?: readonly [detail: string, command: string];
}

export const PAGES: readonly Looked[] = [
  {
    path: '/',
    asks: ['/api/overview', '/api/workers'],
    action: 'queue.read',
    empty: [
      'Nothing has failed',
      'There is no queue yet',
      'slipway-worker --help',
      'No worker is there',
      'slipway doctor',
    ],
  },
  {
    path: '/runs',
    asks: ['/api/workflows'],
    action: 'run.read',
    empty: ['Nothing has run yet', 'slipway deploy score.yaml'],
  },
  {
    path: '/applications',
    asks: ['/api/specs'],
    action: 'application.read',
    empty: ['slipway deploy score.yaml'],
  },
  { path: '/resources', asks: ['/api/resources'], action: 'resource.read', empty: ['slipway deploy score.yaml'] },
  { path: '/golden-paths', asks: ['/api/golden-paths'], action: 'golden_path.read', empty: ['slipway provider add'] },
  { path: '/providers', asks: ['/api/providers'], action: 'provider.read', empty: ['slipway provider add'] },
  {
    path: '/runs/01a1fecc-468a-7104-a487-4a39114b686c',
    asks: ['/api/workflows/{id}'],
    action: 'run.read',
    missing: ["there is no workflow run 'x'", 'slipway workflow list'],
  },
  { path: '/runs/01a1fecc-468a-7104-a487-4a39114b686c/logs', asks: ['/api/workflows/{id}'], action: 'run.read' },
  {
    path: '/runs/compare?a=01a1fecc-468a-7104-a487-4a39114b686c',
    asks: ['/api/workflows/{id}'],
    action: 'run.read',
  },
  {
    path: '/resources/01a1fecc-468a-7104-a487-4a39114b686c',
    asks: ['/api/resources/{id}'],
    action: 'resource.read',
    missing: ["there is no resource 'x'", 'slipway resource list'],
  },
  {
    path: '/applications/shop',
    asks: ['/api/specs/{name}'],
    action: 'application.read',
    missing: ["there is no application 'shop'", 'slipway list'],
  },
  {
    path: '/submit?application=shop',
    asks: ['/api/specs/{name}'],
    action: 'application.read',
    missing: ["there is no application 'shop'", 'slipway list'],
  },
  {
    path: '/providers/core',
    asks: ['/api/providers/{name}'],
    action: 'provider.read',
    missing: ["there is no provider 'core'", 'slipway provider list'],
  },
  {
    path: '/golden-paths/greet',
    asks: ['/api/golden-paths/{name}'],
    action: 'golden_path.read',
    missing: ["there is no golden path 'greet'", 'slipway golden-path list'],
  },
  { path: '/bulk/01a1fecc-468a-7104-a487-4a39114b686c', asks: ['/api/bulk/{id}'], action: 'run.read' },
  {
    path: '/batches',
    asks: ['/api/batches'],
    action: 'batch.read',
    empty: ['There are no batches yet', 'slipway batch create --select type=postgres --operation read --dry-run'],
  },
  {
    path: '/batches/01a1fecc-468a-7104-a487-4a39114b686c',
    asks: ['/api/batches/{id}'],
    action: 'batch.read',
    missing: ["there is no batch 'x'", 'slipway batch list'],
  },
  {
    path: '/queues',
    asks: ['/api/queues'],
    action: 'queue.read',
    empty: ['There is no queue yet', 'slipway-worker --help'],
  },
  {
    path: '/queues/default',
    asks: ['/api/queues/{name}', '/api/metrics/history'],
    action: 'queue.read',
    missing: ["there is no queue 'default'", 'slipway queue list'],
  },
  { path: '/workers', asks: ['/api/workers'], action: 'worker.read', empty: ['No worker is there', 'slipway doctor'] },
  {
    path: '/approvals',
    asks: ['/api/approvals'],
    action: 'approval.read',
    empty: ['Nothing waits for a decision', 'slipway approval list --status all'],
  },
  {
    path: '/audit',
    asks: ['/api/audit'],
    action: 'audit.read',
    empty: ['Nobody has done anything yet', 'slipway audit tail'],
  },
  {
    path: '/settings?tab=keys',
    asks: ['/api/keys'],
    action: 'key.read',
    empty: ['You have no key', 'slipway key create ci --expires 90d'],
  },
  {
    path: '/settings?tab=teams',
    asks: ['/api/teams'],
    action: 'team.read',
    empty: ['There is no team yet', 'slipway team set-quota shop --runs 10'],
  },
  {
    path: '/settings?tab=people',
    asks: ['/api/service-accounts', '/api/people'],
    action: 'service_account.read',
    empty: [
      'Nobody is known yet',
      'slipway user add ada --role developer --team shop',
      'You are here by a key',
      'slipway login',
      'There is no service account',
      'slipway service-account create ci --role developer',
    ],
  },
  {
    path: '/settings?tab=secrets&team=shop',
    asks: ['/api/teams/{team}/secrets'],
    action: 'secret.read',
    empty: ['shop has no secret', 'slipway secret set STRIPE_KEY --team shop'],
  },
  { path: '/settings?tab=secrets', asks: ['/api/teams'], action: 'team.read', empty: ['shop has no secret'] },
  {
    path: '/settings?tab=integrations',
    asks: ['/api/integrations'],
    action: 'integration.read',
    empty: ['No credential is stored', 'slipway integration add forge git host=git.example.org'],
  },
  {
    path: '/settings?tab=webhooks',
    asks: ['/api/webhooks'],
    action: 'webhook.read',
    empty: ['Events are sent nowhere', 'slipway webhook add https://hooks.example.org/slipway'],
  },
  {
    path: '/settings?tab=notifications',
    asks: ['/api/notifications/mine', '/api/notifications/rules'],
    action: 'notification.read',
    empty: ['You are told of nothing', 'slipway notification add --email', 'No team is told of anything'],
  },
];

/** Addresses that ask nothing of the api at first, and what they say. */
export const STILL: readonly (readonly [path: string, words: readonly string[]])[] = [
  ['/submit', ['Nothing is written yet', 'slipway deploy score.yaml --dry-run', 'Begin with an example']],
  ['/runs/compare', ['No run is chosen', 'slipway workflow list']],
  ['/nowhere', ['There is no such page', 'Nothing is at this address', 'slipway list']],
];

/** Lists whose filters leave nothing, and the command that lists all of it. */
export const FILTERED: readonly (readonly [path: string, command: string])[] = [
  ['/runs?status=failed', 'slipway workflow list'],
  ['/applications?team=shop', 'slipway list'],
  ['/resources?type=postgres', 'slipway resource list'],
  ['/approvals?status=approved', 'slipway approval list --status all'],
  ['/audit?outcome=refused', 'slipway audit list'],
  ['/batches?status=stopped', 'slipway batch list'],
];

const point = {
  at: '2026-11-21T15:00:00Z',
  created: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  waiting: 0,
  in_flight: 0,
};

/** What the api answers when there is nothing, where that is more than an empty list. */
export const EMPTY: Readonly<Record<string, unknown>> = {
  '/api/whoami': {
    name: 'ada',
    kind: 'person',
    roles: ['developer'],
    teams: ['shop'],
    credential: { kind: 'session' },
  },
  '/api/auth/can-i': { answers: Array.from({ length: 50 }, () => ({ allowed: true, action: '', message: '' })) },
  '/api/overview': {
    approvals_open: 0,
    failures: [],
    hour: point,
    queues: [],
    resources: {},
    runs: {},
    workers: { busy: 0, cordoned: 0, draining: 0, gone: 0, serving: 0, slots: 0 },
  },
  '/api/metrics/history': { queue: null, from: point.at, to: point.at, step_s: 60, points: [] },
  '/api/audit/head': { instance: 'here', seq: 0, hash: '0', at: point.at, unchained: 0, streams: [] },
};
