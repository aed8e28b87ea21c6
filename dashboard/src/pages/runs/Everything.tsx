import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { useState } from 'react';

import { useAction } from '../../api/action';
import { beginBulk, bulkCount, newestBulks, type BulkAction } from '../../api/bulk';
import { useMay } from '../../api/may';
import type { RunFilter } from '../../api/runs';
import { Button } from '../../design/Button';
import { Dialog } from '../../design/Dialog';
import { TextField } from '../../design/Field';
import { Icon } from '../../design/Icon';
import { Loaded } from '../../design/Loaded';
import { Menu } from '../../design/Menu';
import { Notice } from '../../design/Notice';
import { Problem } from '../../design/Problem';
import { count, figure } from '../../design/words';
import { useLive } from '../../live/live';

/** What can be done to all runs that the filters choose, not only to those that are loaded. */
export function Everything({ filter }: { filter: RunFilter }) {
  const [open, setOpen] = useState<BulkAction>();
  const may = useMay('run.bulk');
  return (
    <>
      <Menu
        label="All that match"
        {...may}
        items={[
          {
            label: 'Retry all that match…',
            hint: 'Failed and cancelled ones that were not retried yet',
            onSelect: () => setOpen('retry'),
          },
          {
            label: 'Cancel all that match…',
            hint: 'Those that are not over',
            danger: true,
            onSelect: () => setOpen('cancel'),
          },
        ]}
      >
        All that match
        <Icon name="down" />
      </Menu>
      {open !== undefined && <Begin action={open} filter={filter} onClose={() => setOpen(undefined)} />}
    </>
  );
}

const WORDS = {
  retry: {
    title: 'Retry all that match?',
    what: 'A new run goes on where each of them stopped. Runs that another run started are left to that one.',
    none: 'No run that matches has failed or was cancelled and was not retried since.',
    verb: 'Retry',
  },
  cancel: {
    title: 'Cancel all that match?',
    what: 'What they do now is stopped in the middle; what they made stays. Each can be retried later.',
    none: 'Every run that matches is over.',
    verb: 'Cancel',
  },
} as const;

function Begin({ action, filter, onClose }: { action: BulkAction; filter: RunFilter; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const navigate = useNavigate();
  const query = useQuery(bulkCount(action, filter));
  const begin = useAction({
    act: (expected: number) =>
      beginBulk({ action, filter, expected_count: expected, reason: reason.trim() === '' ? null : reason.trim() }),
    done: ({ id }) => {
      onClose();
      void navigate({ to: '/bulk/$id', params: { id } });
      return undefined;
    },
    quiet: true,
  });
  const words = WORDS[action];
  const chosen = Object.entries(filter);
  return (
    <Dialog title={words.title} open onClose={onClose}>
      <Loaded query={query} what="how many runs these are" lines={2}>
        {({ count: runs, most }) => (
          <form
            className="stack"
            onSubmit={(event) => {
              event.preventDefault();
              begin.mutate(runs);
            }}
          >
            <p>
              {runs === 0 && words.none}
              {runs > most &&
                `These are more than ${figure(most)} runs, the most that can be done at once. Set a filter.`}
              {runs > 0 && runs <= most && (
                <>
                  <strong>{count(runs, 'run')}</strong>
                  {chosen.length === 0
                    ? ', all there are of that kind. '
                    : ` with ${chosen.map(([name, value]) => `${name} ${value}`).join(', ')}. `}
                  {words.what} Which runs these are is fixed now.
                </>
              )}
            </p>
            {action === 'cancel' && (
              <TextField
                label="Reason, for those who find them cancelled"
                maxLength={500}
                value={reason}
                onChange={(event) => setReason(event.target.value)}
              />
            )}
            {begin.isError && <Problem error={begin.error} retry={() => void query.refetch()} />}
            <div className="row dialog-end">
              <Button onClick={onClose}>Not now</Button>
              <Button
                type="submit"
                kind={action === 'cancel' ? 'danger' : 'primary'}
                disabled={runs === 0 || runs > most}
                busy={begin.isPending}
              >
                {words.verb} {count(runs, 'run')}
              </Button>
            </div>
          </form>
        )}
      </Loaded>
    </Dialog>
  );
}

/** Operations on many runs that are not over: how far they are. */
export function Going() {
  const { data = [] } = useQuery({ ...newestBulks(5), ...useLive(3) });
  return data
    .filter(({ status }) => status === 'running')
    .map((it) => (
      <Notice key={it.id} tone="info">
        <p>
          <Link to="/bulk/$id" params={{ id: it.id }}>
            {it.action === 'retry' ? 'Retrying' : 'Cancelling'} {count(it.total, 'run')}
          </Link>
          , asked for by {it.requested_by}: <span className="number">{figure(it.done + it.failed)}</span> done
        </p>
      </Notice>
    ));
}
