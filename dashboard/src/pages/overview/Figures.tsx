import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import type { Overview } from '../../api/overview';
import type { Tone } from '../../design/Status';
import { count, figure, lengthOf } from '../../design/words';

/** The few numbers that say whether all is well; nothing yet while they are asked for. */
export function Figures({ overview: it }: { overview: Overview | undefined }) {
  const all = it === undefined ? undefined : total(it);
  return (
    <dl className="figures">
      <Figure
        name={<Link to="/queues">Running</Link>}
        value={all && figure(all.running)}
        more={it && `of ${count(it.workers.slots, 'slot')}`}
      />
      <Figure
        name={<Link to="/queues">Waiting for a slot</Link>}
        value={all && figure(all.waiting)}
        more={all && (all.oldest > 0 ? `the oldest for ${lengthOf(all.oldest)}` : 'nothing is late')}
      />
      <Figure
        name="Ended a minute"
        value={all && figure(all.ended, 1)}
        more={all && (all.failed === 0 ? 'none of them failed' : `${figure(all.failed, 1)} of them failed`)}
        tone={all !== undefined && all.failed > 0 ? 'bad' : undefined}
      />
      <Figure
        name={<Link to="/workers">Workers</Link>}
        value={it && figure(it.workers.serving + it.workers.cordoned + it.workers.draining)}
        more={it && held(it.workers)}
        tone={it?.workers.serving === 0 ? 'bad' : undefined}
      />
      <Times name="Median wait" overview={it} kind="wait" />
      <Times name="Median run" overview={it} kind="run" />
      <Figure name="Blocked" value={all && figure(all.blocked)} more="by people, time or others" />
      <Figure
        name={<Link to="/approvals">To decide</Link>}
        value={it && figure(it.approvals_open)}
        more="questions that wait for people"
        tone={it !== undefined && it.approvals_open > 0 ? 'warn' : undefined}
      />
    </dl>
  );
}

function total({ queues }: Overview) {
  const sum = (of: (queue: Overview['queues'][number]) => number) =>
    queues.reduce((before, queue) => before + of(queue), 0);
  return {
    running: sum((it) => it.in_flight),
    waiting: sum((it) => it.depth),
    blocked: sum((it) => it.blocked),
    ended: sum((it) => it.finished_per_minute),
    failed: sum((it) => it.failed_per_minute),
    oldest: Math.max(0, ...queues.map((it) => it.oldest_age_s ?? 0)),
  };
}

function held({ cordoned, draining, gone }: Overview['workers']): string {
  const told = [
    [cordoned, 'cordoned'],
    [draining, 'draining'],
    [gone, 'not heard of lately'],
  ] as const;
  const some = told.filter(([number]) => number > 0).map(([number, words]) => `${figure(number)} ${words}`);
  return some.length === 0 ? 'all heard of lately' : some.join(', ');
}

/** How long it took in the last hour. */
function Times({ name, overview, kind }: { name: string; overview: Overview | undefined; kind: 'wait' | 'run' }) {
  if (overview === undefined) return <Figure name={name} value={undefined} more="" />;
  const times = overview.hour[kind];
  if (times == null) return <Figure name={name} value="–" more="no run in the last hour" />;
  return (
    <Figure
      name={name}
      value={lengthOf(times.p50_s)}
      more={`p95\u00a0${lengthOf(times.p95_s)}, p99\u00a0${lengthOf(times.p99_s)}, last hour`}
    />
  );
}

function Figure({
  name,
  value,
  more,
  tone,
}: {
  name: ReactNode;
  value: string | undefined;
  more: string | undefined;
  tone?: Tone | undefined;
}) {
  return (
    <div className="figure" data-tone={tone}>
      <dt>{name}</dt>
      <dd>
        <span className="figure-value">{value ?? '…'}</span>
        <span className="figure-more">{value === undefined ? '' : more}</span>
      </dd>
    </div>
  );
}
