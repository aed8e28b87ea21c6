import { useState } from 'react';

import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import { decide, planResource, type ResourceDetail, type Verdict } from '../../api/resources';
import { Button } from '../../design/Button';
import { Skeleton } from '../../design/Empty';
import { Dialog } from '../../design/Dialog';
import { Select, TextField } from '../../design/Field';
import { Icon } from '../../design/Icon';
import { Menu, type MenuItem } from '../../design/Menu';
import { Notice } from '../../design/Notice';
import { Problem } from '../../design/Problem';
import { Plan } from '../../plan/Plan';

/** What can be done about a resource, beside having it looked at or put right. */
export function ResourceActions({ resource: it }: { resource: ResourceDetail }) {
  const [open, setOpen] = useState<'plan' | Verdict>();
  const close = () => setOpen(undefined);
  const object = `resource/${it.id}`;
  const mayPlan = useMay('resource.plan', object);
  if (it.state === 'terminated') return null;
  const items: MenuItem[] = [];
  if (it.state === 'failed' || it.state === 'degraded') {
    items.push({
      label: 'Adopt…',
      hint: 'Take it as it is: active, without a run',
      onSelect: () => setOpen('adopt'),
    });
  }
  items.push({
    label: 'Forget…',
    hint: 'Let go of it; what is there is not touched',
    danger: true,
    onSelect: () => setOpen('forget'),
  });
  return (
    <>
      <Button {...mayPlan} onClick={() => setOpen('plan')}>
        Plan…
      </Button>
      <Menu label="More to do" items={items}>
        <Icon name="more" />
      </Menu>
      <Dialog title={`Plan for ${it.name}`} open={open === 'plan'} onClose={close} wide>
        <Planning id={it.id} />
      </Dialog>
      {(open === 'adopt' || open === 'forget') && <Decide resource={it} verdict={open} onDone={close} />}
    </>
  );
}

const OPERATIONS = [
  ['update', 'update it'],
  ['read', 'look at it'],
  ['delete', 'remove it'],
  ['create', 'make it'],
] as const;

function Planning({ id }: { id: string }) {
  const [operation, setOperation] = useState('update');
  const plan = useAction({ act: () => planResource({ id, operation }), quiet: true });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        plan.mutate();
      }}
    >
      <p>What a run would do, with what the latest generation asks for. Nothing is run.</p>
      <div className="asked">
        <Select
          label="A run that would"
          options={OPERATIONS}
          value={operation}
          onChange={(event) => {
            setOperation(event.target.value);
            plan.reset();
          }}
        />
        <Button type="submit" kind="primary" busy={plan.isPending}>
          Show the plan
        </Button>
      </div>
      <div aria-live="polite">
        {plan.isPending && <Skeleton what="the plan" lines={4} />}
        {plan.isError && <Problem error={plan.error} />}
        {plan.data !== undefined &&
          ('plan' in plan.data ? (
            <Plan preview={plan.data} />
          ) : (
            <Notice tone="info" title="It takes longer">
              <p>No worker was free to make the plan at once. Ask again in a while.</p>
            </Notice>
          ))}
      </div>
    </form>
  );
}

const VERDICTS = {
  adopt: {
    title: (name: string) => `Adopt ${name} as it is?`,
    text: 'It counts as active from now on, with the outputs that it has. Nothing is run, and nothing is looked at: you say that it is right.',
    button: 'Adopt it',
    may: 'resource.adopt',
  },
  forget: {
    title: (name: string) => `Forget ${name}?`,
    text: 'It counts as gone, and nothing is removed: what is there stays, and is nobody’s from now on. What needs its outputs cannot have them any more.',
    button: 'Forget it',
    may: 'resource.forget',
  },
} as const;

function Decide({ resource, verdict, onDone }: { resource: ResourceDetail; verdict: Verdict; onDone: () => void }) {
  const [reason, setReason] = useState('');
  const { title, text, button, may } = VERDICTS[verdict];
  const allowed = useMay(may, `resource/${resource.id}`);
  const act = useAction({
    act: () => decide({ id: resource.id, verdict, reason: reason.trim() }),
    done: () => {
      onDone();
      return verdict === 'adopt' ? `${resource.name} is active` : `${resource.name} is forgotten`;
    },
    quiet: true,
  });
  return (
    <Dialog title={title(resource.name)} open onClose={onDone}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          act.mutate();
        }}
      >
        <p>{text}</p>
        <TextField
          label="Reason, for its history"
          maxLength={500}
          autoFocus
          value={reason}
          onChange={(event) => setReason(event.target.value)}
        />
        {act.isError && <Problem error={act.error} />}
        <div className="row dialog-end">
          <Button onClick={onDone}>Not now</Button>
          <Button type="submit" kind={verdict === 'forget' ? 'danger' : 'primary'} {...allowed} busy={act.isPending}>
            {button}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
