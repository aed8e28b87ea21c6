import { Link } from '@tanstack/react-router';

import { over, type RunDetail, type Step } from '../../api/runs';
import { Button } from '../../design/Button';
import { Notice } from '../../design/Notice';
import { Time } from '../../design/Time';
import { count } from '../../design/words';
import { Decision } from './Decision';
import { Explained } from './Explained';
import { LastLines } from './LastLines';
import { reasonOf } from './reason';

/** What one came for, before anything else: the first failure with what it printed, or what is waited for. */
export function Attention({ run, onSelect }: { run: RunDetail; onSelect: (step: string) => void }) {
  const asking = run.steps.filter(
    (step) => step.status === 'waiting' && (step.wait?.kind === 'approval' || step.wait?.kind === 'start'),
  );
  return (
    <>
      {run.status === 'failed' && <Failure run={run} onSelect={onSelect} />}
      {run.status === 'cancelled' && (
        <Notice tone="idle" title="It was cancelled">
          <p>{run.cancel_reason ?? run.error_message ?? 'Nobody said why.'}</p>
        </Notice>
      )}
      {run.cancel_requested_at != null && !over(run) && (
        <Notice tone="warn" title="It is being cancelled">
          <p>
            Its worker stops the containers; asked <Time at={run.cancel_requested_at} />
            {run.cancel_reason != null && <>: {run.cancel_reason}</>}
          </p>
        </Notice>
      )}
      {asking.map((step) => (
        <Decision key={step.name} run={run} step={step} />
      ))}
      {asking.length === 0 && !over(run) && <Waiting run={run} />}
      {run.status === 'running' && <Running run={run} onSelect={onSelect} />}
    </>
  );
}

function Failure({ run, onSelect }: { run: RunDetail; onSelect: (step: string) => void }) {
  const step = firstFailure(run.steps);
  if (step === undefined) {
    return (
      <Notice tone="bad" title={run.error_code ?? 'It failed'}>
        <p>{run.error_message ?? 'No step of it says why; its history below may.'}</p>
      </Notice>
    );
  }
  const tries = step.attempts.length;
  const last = step.attempts.at(-1);
  return (
    <Notice
      tone="bad"
      title={
        <>
          Step {step.name} failed{tries > 1 && `, ${count(tries, 'time')}`}
          {step.exit_code != null && `, with exit code ${String(step.exit_code)}`}
        </>
      }
    >
      <p>{step.error_message ?? run.error_message ?? step.error_code}</p>
      {last?.oom_killed === true && <p>A process of it was killed because it used more memory than it may.</p>}
      {tries > 0 && <LastLines run={run.id} step={step.name} attempt={last?.number} moving={false} />}
      <Button small onClick={() => onSelect(step.name)}>
        All about {step.name}
      </Button>
    </Notice>
  );
}

/** The step whose failure came first: what failed after it may have failed because of it. */
export function firstFailure(steps: readonly Step[]): Step | undefined {
  return steps
    .filter((step) => step.status === 'failed' && !step.inherited)
    .sort((one, other) => Date.parse(one.finished_at ?? '') - Date.parse(other.finished_at ?? ''))[0];
}

function Waiting({ run }: { run: RunDetail }) {
  const reason = reasonOf(run);
  if (reason === undefined) return null;
  const children = run.steps.flatMap((step) => (step.status === 'waiting' && step.wait?.run_id ? [step.wait] : []));
  return (
    <Notice tone={reason.tone} title={`It does not go on: ${reason.text}`}>
      <Explained run={run.id} said={run.reason_detail ?? ''} />
      <p className="row">
        {run.waiting_since != null && (
          <span>
            Since <Time at={run.waiting_since} />.
          </span>
        )}
        {run.suspended_until != null && (
          <span>
            It goes on by itself <Time at={run.suspended_until} />.
          </span>
        )}
        {run.blocked_by != null && (
          <Link to="/runs/$id" params={{ id: run.blocked_by }}>
            The run that has the turn
          </Link>
        )}
        {children.map(({ run_id: id }) =>
          id == null ? null : (
            <Link key={id} to="/runs/$id" params={{ id }}>
              The run that it started
            </Link>
          ),
        )}
      </p>
    </Notice>
  );
}

function Running({ run, onSelect }: { run: RunDetail; onSelect: (step: string) => void }) {
  const step = run.steps.find((it) => it.status === 'running');
  if (step === undefined) return null;
  const attempt = step.attempts.at(-1)?.number;
  return (
    <Notice
      tone="info"
      title={
        <>
          Step {step.name} runs{attempt !== undefined && attempt > 1 && `, try ${String(attempt)}`}
        </>
      }
    >
      <LastLines run={run.id} step={step.name} attempt={attempt} moving />
      <Button small onClick={() => onSelect(step.name)}>
        All about {step.name}
      </Button>
    </Notice>
  );
}
