import { useState } from 'react';

import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import { holdQueue, prioritize, resumeQueue, type Hold, type Queue } from '../../api/queues';
import { Ask, WHY } from '../../design/Ask';
import { Button } from '../../design/Button';

/** What can be done about a queue. */
export function QueueActions({ queue: { name, state, priority } }: { queue: Queue }) {
  const [open, setOpen] = useState<Hold | 'priority'>();
  const close = () => setOpen(undefined);
  const may = useMay('queue.write');
  const resume = useAction({ act: () => resumeQueue(name), done: () => `${name} goes on` });
  return (
    <>
      {state !== 'open' && (
        <Button kind="primary" busy={resume.isPending} {...may} onClick={() => resume.mutate()}>
          Resume
        </Button>
      )}
      {state === 'open' && (
        <Button {...may} onClick={() => setOpen('pause')}>
          Pause…
        </Button>
      )}
      {(state === 'open' || state === 'paused') && (
        <Button {...may} onClick={() => setOpen('drain')}>
          Drain…
        </Button>
      )}
      <Button {...may} onClick={() => setOpen('priority')}>
        Priority…
      </Button>
      {(open === 'pause' || open === 'drain') && (
        <Ask
          title={open === 'pause' ? `Pause ${name}?` : `Drain ${name}?`}
          verb={open === 'pause' ? 'Pause it' : 'Drain it'}
          fields={[WHY]}
          act={(said) => holdQueue({ name, hold: open, reason: said('reason') })}
          done={() => (open === 'pause' ? `${name} is paused` : `${name} is drained when what runs has ended`)}
          onClose={close}
        >
          <p>
            Nothing of it begins until it is resumed; what runs goes on, and what waits says why.
            {open === 'drain' && ' It is told when nothing of it runs any more.'}
          </p>
        </Ask>
      )}
      {open === 'priority' && (
        <Ask
          title={`Priority of ${name}`}
          verb="Set it"
          fields={[
            { name: 'priority', label: 'From −100 to 100', kind: 'number', value: String(priority), required: true },
          ]}
          act={(said) => prioritize({ name, priority: Number(said('priority')) })}
          done={(answer) => `New runs of ${name} count from ${String(answer.priority)}`}
          onClose={close}
        >
          <p>The priorities of its new runs are counted from here. Those that are made already keep theirs.</p>
        </Ask>
      )}
    </>
  );
}
