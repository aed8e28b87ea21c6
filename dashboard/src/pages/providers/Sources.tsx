import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import { removeSource, sources, type Source } from '../../api/providers';
import { Button } from '../../design/Button';
import { Dialog } from '../../design/Dialog';
import { Empty } from '../../design/Empty';
import { Section } from '../../design/Page';
import { Problem } from '../../design/Problem';
import { Status } from '../../design/Status';
import { PagedTable, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { useLive } from '../../live/live';
import { AddSource } from './AddSource';

/** The repositories that providers are fetched from, and how each stands. */
export function Sources() {
  const query = useInfiniteQuery({ ...sources, ...useLive(5) });
  const [open, setOpen] = useState<'add' | Source>();
  const may = useMay('provider_source.write');
  const close = () => setOpen(undefined);
  const columns: readonly Column<Source>[] = [
    { key: 'status', label: 'Status', bare: true, cell: (it) => <Status status={it.status} /> },
    {
      key: 'name',
      label: 'Source',
      main: true,
      cell: (it) => (
        <>
          {it.name}
          <span className="cell-2">
            {it.url}
            {it.path !== '' && ` /${it.path}`}
          </span>
          <Said texts={it.problems} tone="bad" />
          <Said texts={it.warnings} tone="warn" />
        </>
      ),
    },
    { key: 'ref', label: 'Ref', cell: (it) => <code>{it.ref}</code> },
    {
      key: 'commit',
      label: 'Commit',
      cell: (it) => (it.commit == null ? null : <code title={it.commit}>{it.commit.slice(0, 10)}</code>),
    },
    { key: 'providers', label: 'Providers', cell: (it) => it.providers.join(', ') },
    { key: 'looked', label: 'Looked at', number: true, cell: (it) => <Time at={it.looked_at} /> },
    {
      key: 'do',
      label: 'Action',
      bare: true,
      cell: (it) =>
        it.origin === 'api' && it.status !== 'removing' ? (
          <Button small kind="quiet" {...may} onClick={() => setOpen(it)}>
            Remove…
          </Button>
        ) : null,
    },
  ];
  return (
    <Section
      title="Sources"
      flush
      aside={
        <Button small {...may} onClick={() => setOpen('add')}>
          Add a source…
        </Button>
      }
    >
      <PagedTable
        query={query}
        what="sources"
        caption="Sources of providers, by name"
        columns={columns}
        rowKey={(it) => it.name}
        empty={
          <Empty title="All providers come from folders" command="slipway provider add URL --ref TAG">
            A source is a Git repository that providers are fetched from, and fetched again when it changes.
          </Empty>
        }
      />
      <Dialog title="Add a source of providers" open={open === 'add'} onClose={close}>
        <AddSource onDone={close} />
      </Dialog>
      {typeof open === 'object' && <Remove source={open} onDone={close} />}
    </Section>
  );
}

function Said({ texts, tone }: { texts: readonly string[]; tone: 'bad' | 'warn' }) {
  return texts.map((text) => (
    <span key={text} className="why" data-tone={tone}>
      {text}
    </span>
  ));
}

function Remove({ source, onDone }: { source: Source; onDone: () => void }) {
  const remove = useAction({
    act: () => removeSource(source.name),
    done: () => {
      onDone();
      return `${source.name} goes as soon as a set without it is valid`;
    },
    quiet: true,
  });
  return (
    <Dialog
      title={`Remove the source ${source.name}?`}
      open
      onClose={onDone}
      actions={
        <>
          <Button onClick={onDone}>Keep it</Button>
          <Button kind="danger" busy={remove.isPending} onClick={() => remove.mutate()}>
            Remove it
          </Button>
        </>
      }
    >
      <p>
        {source.providers.length === 0
          ? 'No provider of it is loaded.'
          : `Its providers go with it: ${source.providers.join(', ')}. What they made stays, and cannot be changed or removed by Slipway until they are back.`}
      </p>
      {remove.isError && <Problem error={remove.error} />}
    </Dialog>
  );
}
