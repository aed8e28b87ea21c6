/** The parts of the settings, by the name in their address. */
export const SETTINGS = [
  ['keys', 'API keys'],
  ['teams', 'Teams'],
  ['people', 'People'],
  ['secrets', 'Secrets'],
  ['integrations', 'Integrations'],
  ['webhooks', 'Webhooks'],
  ['notifications', 'Notifications'],
] as const;

/** The pages of the navigation, in its order. A page that has its place here is there: nothing is announced. */
export const DESTINATIONS = [
  { to: '/', label: 'Overview', words: 'home queues workers failures' },
  { to: '/runs', label: 'Runs', words: 'workflows executions' },
  { to: '/approvals', label: 'Approvals', words: 'decide approve reject questions waiting' },
  { to: '/applications', label: 'Applications', words: 'apps specs score' },
  { to: '/resources', label: 'Resources', words: 'databases buckets outputs drift' },
  { to: '/golden-paths', label: 'Golden paths', words: 'workflows start form onboarding' },
  { to: '/providers', label: 'Providers', words: 'sources reload types' },
  { to: '/queues', label: 'Queues', words: 'waiting depth pause drain priority' },
  { to: '/workers', label: 'Workers', words: 'slots cordon drain isolation' },
  { to: '/batches', label: 'Batches', words: 'many resources waves update reprovision rollback' },
  { to: '/audit', label: 'Audit', words: 'log record who did what export' },
  {
    to: '/settings',
    label: 'Settings',
    words: 'keys teams quotas people secrets integrations webhooks notifications',
  },
  { to: '/submit', label: 'Submit', words: 'deploy score file new application preview' },
] as const;
