import { useState } from 'react';

import { useAction } from '../../api/action';
import { explainCommand, useMay } from '../../api/may';
import { tellStep, type RunDetail, type Step, type Verb } from '../../api/runs';
import { Button } from '../../design/Button';
import { Command } from '../../design/Copy';
import { TextField } from '../../design/Field';
import { Notice } from '../../design/Notice';
import { Problem } from '../../design/Problem';
import { Time } from '../../design/Time';

const TOLD: Record<Verb, string> = { approve: 'approved', reject: 'rejected', start: 'started' };

/** A step that waits for somebody to decide, and the place to do it. */
export function Decision({ run, step }: { run: Pick<RunDetail, 'id'>; step: Step }) {
  const [reason, setReason] = useState('');
  const wait = step.wait;
  const starts = wait?.kind === 'start';
  const [action, object] = starts ? ['run.start', `run/${run.id}`] : ['approval.decide', `run/${run.id}/${step.name}`];
  const may = useMay(action, object);
  const tell = useAction({
    act: (verb: Verb) => tellStep({ id: run.id, step: step.name, verb, reason: reason.trim() }),
    done: (_, verb) => `Step ${step.name} is ${TOLD[verb]}`,
    quiet: true,
  });
  const busy = (verb: Verb) => tell.isPending && tell.variables === verb;
  return (
    <Notice
      tone="warn"
      title={starts ? `Step ${step.name} waits to be started` : `Step ${step.name} waits for a decision`}
    >
      {wait?.message != null && <p className="decision-message">{wait.message}</p>}
      <p className="quiet">
        {starts ? 'Who may start runs may say that it begins.' : `${whoDecides(step)} decides.`}
        {wait?.until != null && (
          <>
            {' The time to decide is up '}
            <Time at={wait.until} />.
          </>
        )}
      </p>
      {may.disabled === true && (
        <p className="row">
          You may not. Who may, and why: <Command>{explainCommand(action, object)}</Command>
        </p>
      )}
      {tell.isError && <Problem error={tell.error} />}
      {starts ? (
        <Button kind="primary" busy={busy('start')} {...may} onClick={() => tell.mutate('start')}>
          Start {step.name}
        </Button>
      ) : (
        <div className="decision">
          <TextField
            label="Reason, for those who find it decided"
            maxLength={2000}
            value={reason}
            onChange={(event) => setReason(event.target.value)}
          />
          <div className="row">
            <Button kind="primary" busy={busy('approve')} {...may} onClick={() => tell.mutate('approve')}>
              Approve
            </Button>
            <Button kind="danger" busy={busy('reject')} {...may} onClick={() => tell.mutate('reject')}>
              Reject
            </Button>
          </div>
        </div>
      )}
    </Notice>
  );
}

/** Who may decide, in words: `An approver`, `A lead of the team payments`. */
function whoDecides({ wait }: Step): string {
  const roles = wait?.roles?.length ? wait.roles.join(' or ') : 'approver';
  const teams = wait?.teams?.length ? ` of the team ${wait.teams.join(' or ')}` : '';
  return `${/^[aeiou]/.test(roles) ? 'An' : 'A'} ${roles}${teams}`;
}
