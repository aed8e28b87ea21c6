import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { keyList, revokeKey, rotateKey, type Key } from '../../api/keys';
import { useMay } from '../../api/may';
import { Ask } from '../../design/Ask';
import { Button } from '../../design/Button';
import { Empty } from '../../design/Empty';
import { Section } from '../../design/Page';
import { PagedTable, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { useLive } from '../../live/live';
import { KeyForm } from './KeyForm';
import { Once } from './Once';

/** What lets programs in. */
export function Keys() {
  const query = useInfiniteQuery({ ...keyList, ...useLive(10) });
  const [open, setOpen] = useState<'make' | ['rotate' | 'revoke', Key]>();
  const may = useMay('key.create');
  const close = () => setOpen(undefined);
  const columns: readonly Column<Key>[] = [
    {
      key: 'name',
      label: 'Key',
      main: true,
      cell: (it) => (
        <>
          {it.name}
          <span className="cell-2">
            <code>{it.prefix}…</code>
          </span>
        </>
      ),
    },
    {
      key: 'owner',
      label: 'Of',
      cell: (it) => (
        <>
          {it.owner ?? <span className="quiet">nobody</span>}
          {it.owner_kind === 'service_account' && <span className="cell-2">service account</span>}
        </>
      ),
    },
    {
      key: 'may',
      label: 'May',
      cell: (it) => (
        <>
          {it.roles?.join(', ') ?? <span className="quiet">what its owner may</span>}
          {it.scopes != null && <span className="cell-2">only {it.scopes.join(', ')}</span>}
        </>
      ),
    },
    { key: 'teams', label: 'Teams', cell: (it) => it.teams?.join(', '), wide: true },
    { key: 'used', label: 'Used', number: true, cell: (it) => <Time at={it.last_used_at} /> },
    { key: 'ends', label: 'Ends', number: true, cell: (it) => <Time at={it.expires_at} /> },
    {
      key: 'do',
      label: 'Action',
      bare: true,
      cell: (it) => (
        <span className="row">
          <Button small kind="quiet" aria-label={`Rotate ${it.name}`} onClick={() => setOpen(['rotate', it])}>
            Rotate…
          </Button>
          <Button small kind="quiet" aria-label={`Revoke ${it.name}`} onClick={() => setOpen(['revoke', it])}>
            Revoke…
          </Button>
        </span>
      ),
    },
  ];
  return (
    <Section
      title="Newest first"
      flush
      aside={
        <Button small kind="primary" {...may} onClick={() => setOpen('make')}>
          Make a key…
        </Button>
      }
    >
      <PagedTable
        query={query}
        what="keys"
        caption="Keys that work, newest first"
        columns={columns}
        rowKey={(it) => it.id}
        empty={
          <Empty title="You have no key" command="slipway key create ci --expires 90d">
            A key lets a program do what you may, or less.
          </Empty>
        }
      />
      {open === 'make' && <KeyForm onClose={close} />}
      {Array.isArray(open) && open[0] === 'rotate' && <Rotate of={open[1]} onClose={close} />}
      {Array.isArray(open) && open[0] === 'revoke' && <Revoke of={open[1]} onClose={close} />}
    </Section>
  );
}

function Rotate({ of: it, onClose }: { of: Key; onClose: () => void }) {
  return (
    <Ask
      title={`Rotate ${it.name}?`}
      verb="Rotate it"
      fields={[
        { name: 'overlap', label: 'The old one works on for', placeholder: '24h', hint: '0: it is refused at once' },
      ]}
      act={(said) => rotateKey(it.id, said('overlap').trim())}
      shown={({ key, message }) => <Once secret={key} what="the new key" note={message} />}
      onClose={onClose}
    >
      <p>A new key takes its place, of the same owner and for the same.</p>
    </Ask>
  );
}

function Revoke({ of: it, onClose }: { of: Key; onClose: () => void }) {
  return (
    <Ask
      title={`Revoke ${it.name}?`}
      verb="Revoke it"
      danger
      act={() => revokeKey(it.id)}
      done={() => `${it.name} is refused from now on`}
      onClose={onClose}
    >
      <p>
        Whatever uses it is refused from its next request on. It was used last <Time at={it.last_used_at} />
        {it.last_used_address != null && ` from ${it.last_used_address}`}. This cannot be taken back.
      </p>
    </Ask>
  );
}
