import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import { cancelRun, over, retryRun, type RunDetail } from '../../api/runs';
import { Button } from '../../design/Button';
import { Dialog } from '../../design/Dialog';
import { Select, TextField } from '../../design/Field';
import { Icon } from '../../design/Icon';
import { Menu, type MenuItem } from '../../design/Menu';
import { Problem } from '../../design/Problem';
import { Rerun } from './Rerun';

/** What can be done about a run. */
export function RunActions({ run }: { run: RunDetail }) {
  const [open, setOpen] = useState<'cancel' | 'from' | 'rerun'>();
  const close = () => setOpen(undefined);
  const navigate = useNavigate();
  const mayRetry = useMay('run.retry', `run/${run.id}`);
  const mayCancel = useMay('run.cancel', `run/${run.id}`);
  const retry = useAction({
    act: () => retryRun({ id: run.id }),
    done: (answer) => {
      void navigate({ to: '/runs/$id', params: { id: answer.id } });
      return answer.note ?? 'A new run goes on where this one stopped';
    },
  });
  const retries = run.status === 'failed' || run.status === 'cancelled';
  const reruns = run.kind === 'golden_path' || run.kind === 'child';

  const more: MenuItem[] = [];
  if (retries) {
    more.push({
      label: 'Retry from a step…',
      hint: 'That step and all that come after it run again',
      onSelect: () => setOpen('from'),
    });
  }
  if (reruns) {
    more.push({
      label: 'Run again with other inputs…',
      hint: 'A new run, from the beginning',
      onSelect: () => setOpen('rerun'),
    });
  }
  more.push({
    label: 'Compare with another run…',
    hint: 'What each was given, did and gave',
    onSelect: () =>
      void navigate({
        to: '/runs/compare',
        search: run.retry_of == null ? { a: run.id } : { a: run.retry_of, b: run.id },
      }),
  });

  return (
    <>
      {retries && (
        <Button kind="primary" busy={retry.isPending} {...mayRetry} onClick={() => retry.mutate()}>
          Retry
        </Button>
      )}
      {!over(run) && (
        <Button
          {...mayCancel}
          disabled={run.cancel_requested_at != null || mayCancel.disabled === true}
          onClick={() => setOpen('cancel')}
        >
          Cancel…
        </Button>
      )}
      <Menu label="More to do" items={more}>
        <Icon name="more" />
      </Menu>
      <Dialog title="Cancel this run?" open={open === 'cancel'} onClose={close}>
        <Cancel run={run} onDone={close} />
      </Dialog>
      <Dialog title="Retry from a step" open={open === 'from'} onClose={close}>
        <RetryFrom run={run} onDone={close} />
      </Dialog>
      <Dialog title="Run again with other inputs" open={open === 'rerun'} onClose={close} wide>
        <Rerun run={run} onDone={close} />
      </Dialog>
    </>
  );
}

function Cancel({ run, onDone }: { run: RunDetail; onDone: () => void }) {
  const [reason, setReason] = useState('');
  const cancel = useAction({
    act: () => cancelRun({ id: run.id, reason: reason.trim() }),
    done: (answer) => {
      onDone();
      return answer.status === 'cancelled' ? 'It is cancelled' : 'It ends when its containers have stopped';
    },
    quiet: true,
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        cancel.mutate();
      }}
    >
      <p>
        {run.status === 'running'
          ? 'What its steps do now is stopped in the middle; what they made stays. It can be retried from there.'
          : 'It does not begin. It can be retried later.'}
      </p>
      <TextField
        label="Reason, for those who find it cancelled"
        maxLength={500}
        autoFocus
        value={reason}
        onChange={(event) => setReason(event.target.value)}
      />
      {cancel.isError && <Problem error={cancel.error} />}
      <div className="row dialog-end">
        <Button onClick={onDone}>Let it go on</Button>
        <Button type="submit" kind="danger" busy={cancel.isPending}>
          Cancel the run
        </Button>
      </div>
    </form>
  );
}

function RetryFrom({ run, onDone }: { run: RunDetail; onDone: () => void }) {
  const failed = run.steps.find((step) => step.status === 'failed');
  const [step, setStep] = useState(failed?.name ?? run.steps[0]?.name ?? '');
  const navigate = useNavigate();
  const retry = useAction({
    act: () => retryRun({ id: run.id, fromStep: step }),
    done: (answer) => {
      onDone();
      void navigate({ to: '/runs/$id', params: { id: answer.id } });
      return answer.note ?? `A new run begins at ${step}`;
    },
    quiet: true,
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        retry.mutate();
      }}
    >
      <p>A new run takes over the outcomes of the steps before it; that step and all that come after it run again.</p>
      <Select
        label="Step"
        value={step}
        options={run.steps.map((it) => [it.name, `${it.name} (${it.status})`] as const)}
        onChange={(event) => setStep(event.target.value)}
      />
      {retry.isError && <Problem error={retry.error} />}
      <div className="row dialog-end">
        <Button onClick={onDone}>Not now</Button>
        <Button type="submit" kind="primary" busy={retry.isPending}>
          Retry from there
        </Button>
      </div>
    </form>
  );
}
