import { useState } from 'react';

import { approveBatch, resumeBatch, tellBatch, type BatchDetail, type BatchVerb } from '../../api/batches';
import { useMay } from '../../api/may';
import { Ask, WHY } from '../../design/Ask';
import { Button } from '../../design/Button';
import { count } from '../../design/words';

const TOLD: Record<BatchVerb, { verb: string; what: string; done: string }> = {
  pause: {
    verb: 'Pause',
    what: 'No other resource begins. What runs goes on, and it can be resumed.',
    done: 'No other resource begins',
  },
  abort: {
    verb: 'Abort',
    what: 'No other resource begins, ever. What runs goes on, and what is done stays done.',
    done: 'No other resource begins',
  },
  rollback: {
    verb: 'Roll back',
    what: 'What is done is taken back, resource by resource: each gets the version and params that it had.',
    done: 'What is done is taken back',
  },
};

const BACK = ['running', 'paused', 'stopped', 'aborted', 'completed'];

/** What can be done about a batch as it stands. */
export function BatchActions({ batch: it }: { batch: BatchDetail }) {
  const [open, setOpen] = useState<BatchVerb | 'approve' | 'resume'>();
  const close = () => setOpen(undefined);
  const mayApprove = useMay('batch.approve');
  const may = useMay('batch.act');
  const asks = it.status === 'awaiting_approval' || it.status === 'approval_void';
  const held = it.status === 'paused' || it.status === 'stopped';
  const back = it.succeeded > 0 && BACK.includes(it.status) && ['update', 'reprovision'].includes(it.operation);
  return (
    <>
      {asks && (
        <Button kind="primary" {...mayApprove} onClick={() => setOpen('approve')}>
          Approve…
        </Button>
      )}
      {held && (
        <Button kind="primary" {...may} onClick={() => setOpen('resume')}>
          Resume…
        </Button>
      )}
      {it.status === 'running' && (
        <Button {...may} onClick={() => setOpen('pause')}>
          Pause…
        </Button>
      )}
      {back && (
        <Button {...may} onClick={() => setOpen('rollback')}>
          Roll back…
        </Button>
      )}
      {(asks || held || it.status === 'running') && (
        <Button {...may} onClick={() => setOpen('abort')}>
          Abort…
        </Button>
      )}
      {open === 'approve' && (
        <Ask
          title="Approve exactly this?"
          verb={`Approve ${count(it.total, 'resource')}`}
          act={() => approveBatch(it.id, it.preview.digest)}
          done={() => 'It begins with its first wave'}
          onClose={close}
        >
          <p>
            The approval is for what this page shows, by its digest <code>{it.preview.digest.slice(0, 12)}</code>. When
            it would do anything else by then, it asks anew.
          </p>
        </Ask>
      )}
      {open === 'resume' && (
        <Ask
          title="Resume it?"
          verb="Resume it"
          fields={[{ name: 'max_failures', label: 'From now on may fail', placeholder: it.max_failures }]}
          act={(said) => resumeBatch(it.id, said('max_failures').trim())}
          done={() => 'It goes on'}
          onClose={close}
        >
          <p>It goes on where it was. What failed so far is taken for granted.</p>
        </Ask>
      )}
      {open !== undefined && open !== 'approve' && open !== 'resume' && (
        <Ask
          title={`${TOLD[open].verb} it?`}
          verb={`${TOLD[open].verb} it`}
          danger={open !== 'pause'}
          fields={[WHY]}
          act={(said) => tellBatch({ id: it.id, verb: open, reason: said('reason').trim() })}
          done={() => TOLD[open].done}
          onClose={close}
        >
          <p>{TOLD[open].what}</p>
        </Ask>
      )}
    </>
  );
}
