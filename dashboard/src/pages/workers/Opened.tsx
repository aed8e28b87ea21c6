import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';

import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import { standing, tellWorker, worker, type Worker } from '../../api/workers';
import { Ask, WHY } from '../../design/Ask';
import { Button } from '../../design/Button';
import { Id } from '../../design/Copy';
import { Facts } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Notice } from '../../design/Notice';
import { Status } from '../../design/Status';
import { ExactTime, Time } from '../../design/Time';
import { figure } from '../../design/words';
import { useLive } from '../../live/live';
import { told, weaknesses } from './posture';

/** All about one worker, below the list. */
export function Opened({ id, onClose }: { id: string; onClose: () => void }) {
  const box = useRef<HTMLElement>(null);
  const query = useQuery({ ...worker(id), ...useLive(3) });
  const here = query.data !== undefined;
  useEffect(() => {
    if (here) box.current?.scrollIntoView({ block: 'nearest' });
  }, [here]);
  const name = query.data?.name ?? 'Worker';
  return (
    <section ref={box} className="opened" aria-label={`Worker ${name}`}>
      <header className="section-head">
        <h2>{name}</h2>
        <div className="row">
          {query.data !== undefined && <Actions worker={query.data} />}
          <Button small kind="quiet" onClick={onClose}>
            Close
          </Button>
        </div>
      </header>
      <div className="section-body">
        <Loaded query={query} what="the worker">
          {(it) => <About worker={it} />}
        </Loaded>
      </div>
    </section>
  );
}

function About({ worker: it }: { worker: Worker }) {
  const weak = weaknesses(it.posture);
  return (
    <>
      {it.asked !== 'serve' && it.stopped_at == null && (
        <Notice
          tone="warn"
          title={it.asked === 'cordon' ? 'It takes no new runs' : 'It ends when it has finished what it has'}
        >
          <p>
            {it.asked_by ?? 'Somebody'} asked for that <Time at={it.asked_at} />
            {it.asked_why != null && `: ${it.asked_why}`}
          </p>
        </Notice>
      )}
      {weak.length > 0 && (
        <Notice tone="warn" title="Its engine isolates less than it could">
          <ul>
            {weak.map((words) => (
              <li key={words}>{words}</li>
            ))}
          </ul>
        </Notice>
      )}
      <div className="grid">
        <Facts
          facts={[
            ['Status', <Status key="" status={standing(it)} />],
            ['Running', `${figure(it.running)} of ${figure(it.slots)}`],
            ['Queues', it.queues.join(', ')],
            ['Host', it.host],
            ['Version', it.version],
            ['Started', <ExactTime key="" at={it.started_at} />],
            ['Heard of', <Time key="" at={it.heartbeat_at} />],
            ['Stopped', it.stopped_at == null ? undefined : <ExactTime key="" at={it.stopped_at} />],
            ['Late writes refused', figure(it.refused_writes)],
            ['Id', <Id key="" id={it.id} />],
          ]}
        />
        <Facts facts={told(it.posture)} />
      </div>
    </>
  );
}

function Actions({ worker: { id, name, asked, state, stopped_at: stopped } }: { worker: Worker }) {
  const [open, setOpen] = useState<'cordon' | 'drain'>();
  const may = useMay('worker.write');
  const back = useAction({
    act: () => tellWorker({ id, verb: 'uncordon', reason: '' }),
    done: () => `${name} takes runs again`,
  });
  if (stopped != null || asked === 'drain' || state === 'draining') return null;
  return (
    <>
      {asked === 'cordon' ? (
        <Button small busy={back.isPending} {...may} onClick={() => back.mutate()}>
          Uncordon
        </Button>
      ) : (
        <Button small {...may} onClick={() => setOpen('cordon')}>
          Cordon…
        </Button>
      )}
      <Button small {...may} onClick={() => setOpen('drain')}>
        Drain…
      </Button>
      {open !== undefined && (
        <Ask
          title={open === 'cordon' ? `Cordon ${name}?` : `Drain ${name}?`}
          verb={open === 'cordon' ? 'Cordon it' : 'Drain it'}
          danger={open === 'drain'}
          fields={[WHY]}
          act={(said) => tellWorker({ id, verb: open, reason: said('reason') })}
          done={() => (open === 'cordon' ? `${name} takes no new runs` : `${name} ends when it has finished`)}
          onClose={() => setOpen(undefined)}
        >
          <p>
            {open === 'cordon'
              ? 'It takes no new runs until it is told to. What it has goes on.'
              : 'It takes no new runs. What it has may finish for a while, the rest goes back to the queue and costs no attempt; then it ends. This cannot be taken back.'}
          </p>
        </Ask>
      )}
    </>
  );
}
