import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { useAction } from '../../api/action';
import { deleteApplication, liveFor, protect, type ApplicationDetail } from '../../api/applications';
import { useMay } from '../../api/may';
import { Button } from '../../design/Button';
import { Dialog } from '../../design/Dialog';
import { TextField } from '../../design/Field';
import { Icon } from '../../design/Icon';
import { Menu, type MenuItem } from '../../design/Menu';
import { Problem } from '../../design/Problem';
import { count } from '../../design/words';

/** What can be done about an application. */
export function ApplicationActions({ application: it }: { application: ApplicationDetail }) {
  const [open, setOpen] = useState<'ttl' | 'delete'>();
  const close = () => setOpen(undefined);
  const mayDelete = useMay('application.delete', `application/${it.name}`);
  const guard = useAction({
    act: () => protect({ name: it.name, on: !it.protected }),
    done: ({ message }) => message,
  });
  const going = it.delete_requested_at != null || it.deleted_at != null;
  const items: MenuItem[] = [
    {
      label: it.protected ? 'Lift the protection' : 'Protect from deletion',
      hint: it.protected ? 'It may be deleted again' : 'Nobody can delete it until that is lifted',
      onSelect: () => guard.mutate(),
    },
    { label: 'Time to live…', hint: 'When it is deleted by itself', onSelect: () => setOpen('ttl') },
  ];
  return (
    <>
      <Link to="/submit" search={{ application: it.name }} className="button">
        {it.deleted_at == null ? 'Submit a change' : 'Submit it again'}
      </Link>
      {!going && (
        <>
          <Button
            {...mayDelete}
            {...(it.protected ? { disabled: true, title: 'It is protected: lift the protection first' } : {})}
            onClick={() => setOpen('delete')}
          >
            Delete…
          </Button>
          <Menu label="More to do" items={items}>
            <Icon name="more" />
          </Menu>
        </>
      )}
      <Dialog title="Time to live" open={open === 'ttl'} onClose={close}>
        <TimeToLive application={it} onDone={close} />
      </Dialog>
      <Dialog title={`Delete ${it.name}?`} open={open === 'delete'} onClose={close}>
        <Delete application={it} onDone={close} />
      </Dialog>
    </>
  );
}

function TimeToLive({ application: it, onDone }: { application: ApplicationDetail; onDone: () => void }) {
  const [ttl, setTtl] = useState('');
  const set = useAction({
    act: (given: string) => liveFor({ name: it.name, ttl: given }),
    done: ({ message }) => {
      onDone();
      return message;
    },
    quiet: true,
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        set.mutate(ttl.trim());
      }}
    >
      <p>When it is over, the application and all resources that only it uses are deleted.</p>
      <TextField
        label="From now on"
        hint="As 8h, 2d or 1h30m"
        placeholder="8h"
        pattern="\s*(\d+(\.\d+)?(ms|s|m|h|d))+\s*"
        required
        autoFocus
        value={ttl}
        onChange={(event) => setTtl(event.target.value)}
      />
      {set.isError && <Problem error={set.error} />}
      <div className="row dialog-end">
        {it.expires_at != null && (
          <Button busy={set.isPending} onClick={() => set.mutate('')}>
            Without an end
          </Button>
        )}
        <Button onClick={onDone}>Not now</Button>
        <Button type="submit" kind="primary" busy={set.isPending}>
          Set it
        </Button>
      </div>
    </form>
  );
}

function Delete({ application: it, onDone }: { application: ApplicationDetail; onDone: () => void }) {
  const [typed, setTyped] = useState('');
  const own = it.items.filter(({ shared, state }) => !shared && state !== 'terminated');
  const shared = it.items.filter((resource) => resource.shared);
  const remove = useAction({
    act: () => deleteApplication(it.name),
    done: ({ message }) => {
      onDone();
      return message;
    },
    quiet: true,
  });
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        if (typed === it.name) remove.mutate();
      }}
    >
      <p>
        {own.length === 0
          ? 'It has no resources of its own.'
          : `${count(own.length, 'resource')} and what is in them are removed: ${own.map(({ name }) => name).join(', ')}. That cannot be taken back.`}
      </p>
      {shared.length > 0 && (
        <p>Let go of, and removed when nobody else uses them: {shared.map(({ name }) => name).join(', ')}.</p>
      )}
      <TextField
        label={`Type ${it.name} to go on`}
        autoFocus
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      {remove.isError && <Problem error={remove.error} />}
      <div className="row dialog-end">
        <Button onClick={onDone}>Keep it</Button>
        <Button type="submit" kind="danger" disabled={typed !== it.name} busy={remove.isPending}>
          Delete it
        </Button>
      </div>
    </form>
  );
}
