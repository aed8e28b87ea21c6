import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { batchItem, planItem, type BatchPreview } from '../../api/batches';
import { useMay } from '../../api/may';
import { useAction } from '../../api/action';
import { Button } from '../../design/Button';
import { Loaded } from '../../design/Loaded';
import { Status } from '../../design/Status';
import { count } from '../../design/words';
import { useLive } from '../../live/live';
import { Plan } from '../../plan/Plan';

type Way = BatchPreview['groups'][number];

/** How the plan of a way stands, in a word, and why. */
export function Planned({ plan }: { plan: NonNullable<Way['plan']> }) {
  const known = { ready: 'completed', none: 'skipped', gone: 'expired' }[plan.status] ?? plan.status;
  return (
    <>
      <Status status={known} word={plan.status} />
      <span className="cell-2">{plan.status === 'ready' ? plan.steps.join(', ') : plan.detail}</span>
    </>
  );
}

/** What each way would run, step by step: of one of its resources, as the batch would do it. */
export function Plans({ id, groups }: { id: string; groups: readonly Way[] }) {
  const ways = groups.filter(({ problem }) => problem == null);
  if (ways.length === 0) return null;
  return (
    <div className="section-body stack">
      {ways.map((way) => (
        <WayPlan key={way.sample} id={id} way={way} />
      ))}
    </div>
  );
}

function WayPlan({ id, way }: { id: string; way: Way }) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        What {count(way.resources, 'resource')} of type {way.type} would run by {way.workflow ?? 'their last workflow'}
      </summary>
      {open && <Shown id={id} way={way} />}
    </details>
  );
}

function Shown({ id, way }: { id: string; way: Way }) {
  const query = useQuery({ ...batchItem(id, way.sample), ...useLive(2) });
  return (
    <Loaded query={query} what="the plan">
      {({ plan, preview }) =>
        preview != null ? (
          <Plan preview={preview} />
        ) : (
          <div className="stack">
            <p className="quiet">
              {plan?.detail ?? (plan == null ? 'Nobody asked for a plan.' : `It is ${plan.status}.`)}
            </p>
            {plan?.status !== 'pending' && plan?.status !== 'none' && <AskForIt id={id} resource={way.sample} />}
          </div>
        )
      }
    </Loaded>
  );
}

function AskForIt({ id, resource }: { id: string; resource: string }) {
  const may = useMay('resource.plan', `resource/${resource}`);
  const ask = useAction({ act: () => planItem({ id, resource }) });
  return (
    <p className="row">
      <Button {...may} busy={ask.isPending} onClick={() => ask.mutate()}>
        Plan it
      </Button>
    </p>
  );
}
