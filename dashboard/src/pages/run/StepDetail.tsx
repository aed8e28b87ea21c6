import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';

import type { Attempt, RunDetail, Step } from '../../api/runs';
import { Id } from '../../design/Copy';
import { Facts, Json } from '../../design/Facts';
import { Status } from '../../design/Status';
import { Table, type Column } from '../../design/Table';
import { ExactTime, Lasted, Time } from '../../design/Time';
import { short } from '../../design/words';
import { Config } from '../../plan/Plan';
import { privilegesOf } from '../../plan/steps';
import { LastLines } from './LastLines';

const ATTEMPTS: readonly Column<Attempt>[] = [
  { key: 'number', label: 'Try', main: true, cell: (it) => <span className="number">{it.number}</span> },
  {
    key: 'status',
    label: 'Status',
    bare: true,
    cell: (it) => (
      <>
        <Status status={it.status} />
        {it.error_message != null && <span className="cell-2">{it.error_message}</span>}
      </>
    ),
  },
  {
    key: 'exit',
    label: 'Exit code',
    number: true,
    cell: (it) => (
      <>
        {it.exit_code ?? <span className="quiet">—</span>}
        {it.oom_killed && <span className="cell-2">out of memory</span>}
      </>
    ),
  },
  {
    key: 'image',
    label: 'Image',
    cell: (it) => (
      <>
        {it.image}
        {it.image_id != null && (
          <span className="cell-2">
            <Id id={it.image_id} shown={it.image_id.slice(0, 19)} />
          </span>
        )}
      </>
    ),
  },
  { key: 'worker', label: 'Worker', wide: true, cell: (it) => <code title={it.worker_id}>{short(it.worker_id)}</code> },
  { key: 'began', label: 'Began', number: true, cell: (it) => <Time at={it.started_at} /> },
  { key: 'took', label: 'Took', number: true, cell: (it) => <Lasted from={it.started_at} to={it.finished_at} /> },
];

/** All about one step. */
export function StepDetail({ run, step }: { run: RunDetail; step: Step }) {
  const outputs = Object.keys(step.outputs).length > 0;
  return (
    <div className="stack step-detail">
      <Facts
        facts={[
          ['Status', <Status key="" status={step.status} />],
          ['Type', step.type],
          ['May', <Privileges key="" step={step} />],
          ['Took', <Lasted key="" from={step.started_at} to={step.finished_at} />],
          ['Began', step.started_at == null ? undefined : <ExactTime key="" at={step.started_at} />],
          ['Tried again', step.not_before == null ? undefined : <Time key="" at={step.not_before} />],
          ['Outcome', step.inherited ? 'taken over from the run that this one goes on from' : undefined],
          ['Element', step.index == null ? undefined : `${String(step.index + 1)} of the loop ${step.parent ?? ''}`],
          ['Why', step.error_message ?? undefined],
          ...waitFacts(step),
        ]}
      />
      {step.attempts.length > 0 && (
        <>
          <div className="framed">
            <Table
              caption={`Tries of ${step.name}`}
              columns={ATTEMPTS}
              rows={step.attempts}
              rowKey={(it) => String(it.number)}
            />
          </div>
          <LastLines run={run.id} step={step.name} most={50} moving={step.status === 'running'} />
        </>
      )}
      {Object.keys(step.config).length > 0 && (
        <div className="stack">
          <h3>Inputs</h3>
          <Config step={step.name} config={step.config} />
          <p className="quiet">As its workflow has them: what is known only when it runs is between braces.</p>
        </div>
      )}
      {outputs && (
        <div className="stack">
          <h3>Outputs</h3>
          <Json value={step.outputs} label={`Outputs of ${step.name}`} />
        </div>
      )}
    </div>
  );
}

/** What it may do beyond what every step may. */
function Privileges({ step: { privileges, secrets } }: { step: Step }) {
  const more = [...privilegesOf(privileges), ...secrets.map((name) => `read the secret ${name}`)];
  return more.length === 0 ? <span className="quiet">nothing beyond its own workspace</span> : more.join(', ');
}

function waitFacts({ wait }: Step): (readonly [string, ReactNode])[] {
  if (wait == null) return [];
  const decided = wait.decision == null ? undefined : `${wait.decision}${wait.by == null ? '' : ` by ${wait.by}`}`;
  return [
    ['Asks', wait.message ?? undefined],
    ['Decided', decided],
    ['Reason', wait.reason ?? undefined],
    [
      'Started the run',
      wait.run_id == null ? undefined : (
        <Link key="" to="/runs/$id" params={{ id: wait.run_id }}>
          {short(wait.run_id)}
        </Link>
      ),
    ],
    ['Asked for', wait.application ?? undefined],
  ];
}
