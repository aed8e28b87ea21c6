import './status.css';

/** How something stands, in kinds that each have a colour. */
export type Tone = 'ok' | 'bad' | 'warn' | 'info' | 'idle';

type Shape = 'ring' | 'line' | 'disc' | 'bars' | 'check' | 'cross' | 'slash' | 'skip' | 'turn' | 'half';

const DRAWN: Record<Shape, { d: string; filled?: boolean; dashed?: boolean }> = {
  ring: { d: 'M6 1.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9z', dashed: true },
  line: { d: 'M6 1.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM3.8 6h4.4' },
  disc: { d: 'M6 2a4 4 0 1 1 0 8 4 4 0 0 1 0-8z', filled: true },
  bars: { d: 'M4 2.5v7M8 2.5v7' },
  check: { d: 'M2 6.5 5 9.5 10 3' },
  cross: { d: 'M2.5 2.5l7 7M9.5 2.5l-7 7' },
  slash: { d: 'M6 1.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM3 9l6-6' },
  skip: { d: 'M2.5 2.5 6 6 2.5 9.5M6.5 2.5 10 6 6.5 9.5' },
  turn: { d: 'M10 6a4 4 0 1 1-1.4-3M10 1.5v2.3H7.7' },
  half: { d: 'M6 1 11 10H1zM6 4.5v2.6M6 8.6v.1' },
};

const KNOWN: Record<string, [Tone, Shape]> = {
  // runs and steps
  pending: ['idle', 'ring'],
  queued: ['idle', 'line'],
  running: ['info', 'disc'],
  suspended: ['warn', 'bars'],
  waiting: ['warn', 'bars'],
  completed: ['ok', 'check'],
  failed: ['bad', 'cross'],
  cancelled: ['idle', 'slash'],
  cancelling: ['warn', 'slash'],
  skipped: ['idle', 'skip'],
  lost: ['bad', 'half'],
  // resources and applications
  requested: ['idle', 'ring'],
  provisioning: ['info', 'turn'],
  updating: ['info', 'turn'],
  active: ['ok', 'check'],
  degraded: ['warn', 'half'],
  terminating: ['warn', 'turn'],
  terminated: ['idle', 'slash'],
  deleted: ['idle', 'slash'],
  deleting: ['warn', 'turn'],
  progressing: ['info', 'turn'],
  // sources of providers
  loaded: ['ok', 'check'],
  unreachable: ['bad', 'half'],
  removing: ['warn', 'turn'],
  // approvals
  open: ['warn', 'bars'],
  approved: ['ok', 'check'],
  rejected: ['bad', 'cross'],
  expired: ['idle', 'slash'],
  withdrawn: ['idle', 'slash'],
  // queues
  serving: ['ok', 'disc'],
  paused: ['warn', 'bars'],
  drained: ['warn', 'slash'],
  // marks
  deploy: ['info', 'turn'],
  incident: ['bad', 'half'],
  note: ['idle', 'ring'],
  // operations on many
  finished: ['ok', 'check'],
  awaiting_approval: ['warn', 'bars'],
  approval_void: ['warn', 'half'],
  aborted: ['idle', 'slash'],
  rolling_back: ['warn', 'turn'],
  rolled_back: ['idle', 'turn'],
  // what somebody did
  done: ['ok', 'check'],
  refused: ['bad', 'slash'],
  // workers, keys, webhooks, deliveries
  cordoned: ['warn', 'half'],
  weak: ['warn', 'half'],
  enabled: ['ok', 'disc'],
  failing: ['bad', 'half'],
  live: ['ok', 'disc'],
  gone: ['bad', 'half'],
  draining: ['warn', 'bars'],
  stopped: ['idle', 'slash'],
  disabled: ['idle', 'slash'],
  revoked: ['idle', 'slash'],
  delivered: ['ok', 'check'],
};

/** The colour of a status; of one that is not known, none in particular. */
export function toneOf(status: string): Tone {
  return KNOWN[status]?.[0] ?? 'idle';
}

/** The shape of a status, 12 px wide, to be drawn inside an `svg` too. */
export function StatusShape({ status }: { status: string }) {
  const [tone, shape] = KNOWN[status] ?? ['idle', 'ring'];
  const { d, filled, dashed } = DRAWN[shape];
  return (
    <path
      className="status-shape"
      data-tone={tone}
      d={d}
      fill={filled ? 'currentColor' : 'none'}
      stroke="currentColor"
      strokeWidth="1.7"
      strokeLinecap="round"
      strokeLinejoin="round"
      {...(dashed ? { strokeDasharray: '2 2.2' } : {})}
    />
  );
}

/** How something stands: by shape, word and colour. `word` says it otherwise than the status is called. */
export function Status({ status, word }: { status: string; word?: string | undefined }) {
  return (
    <span className="status" data-tone={toneOf(status)}>
      <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
        <StatusShape status={status} />
      </svg>
      {word ?? status.replaceAll('_', ' ')}
    </span>
  );
}
