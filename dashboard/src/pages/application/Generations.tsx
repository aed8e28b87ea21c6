import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import { useAction } from '../../api/action';
import {
  generation as generationQuery,
  generations as generationList,
  rollBack,
  type ApplicationDetail,
  type Generation,
} from '../../api/applications';
import { useMay } from '../../api/may';
import { Button } from '../../design/Button';
import { Dialog } from '../../design/Dialog';
import { Empty } from '../../design/Empty';
import { Code } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Section } from '../../design/Page';
import { Problem } from '../../design/Problem';
import { PagedTable, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { useLive } from '../../live/live';
import { Changes } from '../../score/Changes';
import { yamlOf } from '../../score/yaml';

/** What was submitted: who, when, what changed, and the way back. */
export function Generations({
  application,
  opened,
  onOpen,
}: {
  application: ApplicationDetail;
  opened: number | undefined;
  onOpen: (number: number | undefined) => void;
}) {
  const [back, setBack] = useState<number>();
  const query = useInfiniteQuery({ ...generationList(application.name), ...useLive(3) });
  const may = useMay('application.rollback', `application/${application.name}`);
  const columns: readonly Column<Generation>[] = [
    {
      key: 'number',
      label: 'Generation',
      main: true,
      cell: (it) => (
        <>
          <button
            type="button"
            className="link number"
            data-row=""
            aria-expanded={it.number === opened}
            onClick={() => onOpen(it.number === opened ? undefined : it.number)}
          >
            {it.number}
          </button>
          {it.current && <span className="quiet"> current</span>}
        </>
      ),
    },
    { key: 'changed', label: 'Changes', cell: (it) => <Summary generation={it} /> },
    { key: 'by', label: 'Submitted by', cell: (it) => it.submitted_by },
    { key: 'when', label: 'When', number: true, cell: (it) => <Time at={it.created_at} /> },
    {
      key: 'do',
      label: 'Action',
      bare: true,
      cell: (it) =>
        it.current || application.deleted_at != null ? null : (
          <Button small kind="quiet" {...may} onClick={() => setBack(it.number)}>
            Bring back…
          </Button>
        ),
    },
  ];
  return (
    <Section title="Generations" flush>
      <PagedTable
        query={query}
        what="generations"
        caption={`Generations of ${application.name}, newest first`}
        columns={columns}
        rowKey={(it) => String(it.number)}
        empty={<Empty title="Nothing was submitted" />}
      />
      {opened !== undefined && Number.isInteger(opened) && (
        <Opened name={application.name} number={opened} onClose={() => onOpen(undefined)} />
      )}
      {back !== undefined && <Back name={application.name} number={back} onDone={() => setBack(undefined)} />}
    </Section>
  );
}

function Summary({ generation: it }: { generation: Generation }) {
  const parts = [
    it.restores == null ? undefined : `brought generation ${String(it.restores)} back`,
    ...(
      [
        ['added', it.added],
        ['changed', it.changed],
        ['removed', it.removed],
      ] as const
    ).map(([word, names]) => (names.length === 0 ? undefined : `${word} ${names.join(', ')}`)),
    it.others ? 'other parts' : undefined,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? <span className="quiet">nothing</span> : parts.join('; ');
}

function Opened({ name, number, onClose }: { name: string; number: number; onClose: () => void }) {
  const query = useQuery(generationQuery(name, number));
  return (
    <section className="opened" aria-label={`Generation ${String(number)}`}>
      <header className="section-head">
        <h2>Generation {number}</h2>
        <span className="row">
          <Link
            to="/submit"
            search={{ application: name, generation: String(number) }}
            className="button"
            data-small
            data-kind="quiet"
          >
            Edit a copy
          </Link>
          <Button small kind="quiet" onClick={onClose}>
            Close
          </Button>
        </span>
      </header>
      <div className="section-body">
        <Loaded query={query} what="the generation" lines={5}>
          {(it) => (
            <>
              {it.diff.length === 0 ? (
                <p className="quiet">It does not differ from the one before.</p>
              ) : (
                <Changes changes={it.diff} label={`What generation ${String(number)} changed`} />
              )}
              <details>
                <summary>All of it</summary>
                <Code text={yamlOf(it.spec)} label={`Generation ${String(number)}`} />
              </details>
            </>
          )}
        </Loaded>
      </div>
    </section>
  );
}

function Back({ name, number, onDone }: { name: string; number: number; onDone: () => void }) {
  const back = useAction({
    act: () => rollBack({ name, generation: number }),
    done: ({ message }) => {
      onDone();
      return message;
    },
    quiet: true,
  });
  return (
    <Dialog
      title={`Bring generation ${String(number)} back?`}
      open
      onClose={onDone}
      actions={
        <>
          <Button onClick={onDone}>Not now</Button>
          <Button kind="primary" busy={back.isPending} onClick={() => back.mutate()}>
            Bring it back
          </Button>
        </>
      }
    >
      <p>
        Its content is submitted again, as a new generation: resources that came since are removed, those that are gone
        are made anew, and those that changed are changed back. What was in a removed resource is not brought back.
      </p>
      {back.isError && <Problem error={back.error} />}
    </Dialog>
  );
}
