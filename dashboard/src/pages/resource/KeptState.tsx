import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { useAction } from '../../api/action';
import type { Schema } from '../../api/client';
import { useMay } from '../../api/may';
import { rollBackState, stateVersions, unlockState } from '../../api/resources';
import { Button } from '../../design/Button';
import { Dialog } from '../../design/Dialog';
import { Section } from '../../design/Page';
import { Problem } from '../../design/Problem';
import { PagedTable, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { figure, short } from '../../design/words';
import { useLive } from '../../live/live';

type Version = Schema<'VersionView'>;

/** The versions of the state that a tool keeps for it, as Terraform does. Most resources have none: nothing is shown then. */
export function KeptState({ id }: { id: string }) {
  const query = useInfiniteQuery({ ...stateVersions(id), ...useLive(5), retry: false });
  const data = query.data ?? [];
  const [back, setBack] = useState<number>();
  const mayBack = useMay('state.rollback', `resource/${id}`);
  const mayUnlock = useMay('state.unlock', `resource/${id}`);
  const unlock = useAction({ act: () => unlockState(id), done: ({ message }) => message });
  if (data.length === 0) return null;
  const newest = data[0]?.version;
  const columns: readonly Column<Version>[] = [
    { key: 'version', label: 'Version', main: true, cell: (it) => <span className="number">{it.version}</span> },
    { key: 'serial', label: 'Serial', number: true, cell: (it) => it.serial },
    { key: 'bytes', label: 'Bytes', number: true, cell: (it) => figure(it.bytes) },
    { key: 'by', label: 'Written by', cell: (it) => it.written_by },
    {
      key: 'run',
      label: 'Run',
      cell: (it) =>
        it.run_id == null ? null : (
          <Link to="/runs/$id" params={{ id: it.run_id }}>
            <code>{short(it.run_id)}</code>
          </Link>
        ),
    },
    { key: 'when', label: 'When', number: true, cell: (it) => <Time at={it.created_at} /> },
    {
      key: 'do',
      label: 'Action',
      bare: true,
      cell: (it) =>
        it.version === newest ? (
          <span className="quiet">newest</span>
        ) : (
          <Button small kind="quiet" {...mayBack} onClick={() => setBack(it.version)}>
            Bring back…
          </Button>
        ),
    },
  ];
  return (
    <Section
      title="Kept state"
      flush
      aside={
        <Button small {...mayUnlock} busy={unlock.isPending} onClick={() => unlock.mutate()}>
          Unlock
        </Button>
      }
    >
      <PagedTable
        query={query}
        what="versions"
        caption="Versions of the kept state, newest first"
        rowKey={(it) => String(it.version)}
        columns={columns}
        empty={null}
      />
      {back !== undefined && <Back id={id} version={back} onDone={() => setBack(undefined)} />}
    </Section>
  );
}

function Back({ id, version, onDone }: { id: string; version: number; onDone: () => void }) {
  const back = useAction({
    act: () => rollBackState({ id, version }),
    done: ({ message }) => {
      onDone();
      return message;
    },
    quiet: true,
  });
  return (
    <Dialog
      title={`Bring version ${String(version)} of the state back?`}
      open
      onClose={onDone}
      actions={
        <>
          <Button onClick={onDone}>Not now</Button>
          <Button kind="danger" busy={back.isPending} onClick={() => back.mutate()}>
            Bring it back
          </Button>
        </>
      }
    >
      <p>
        Its content becomes the newest version. What is really there is not touched: the tool believes this state from
        its next run on, and what the state does not know of is forgotten by it.
      </p>
      {back.isError && <Problem error={back.error} />}
    </Dialog>
  );
}
