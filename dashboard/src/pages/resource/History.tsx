import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';

import type { Schema } from '../../api/client';
import { resourceAt, resourceHistory, type ResourceDetail } from '../../api/resources';
import { Button } from '../../design/Button';
import { Empty } from '../../design/Empty';
import { Check } from '../../design/Field';
import { Facts, Json } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Section } from '../../design/Page';
import { Status } from '../../design/Status';
import { PagedTable, Table, type Column } from '../../design/Table';
import { ExactTime, Time } from '../../design/Time';
import { short } from '../../design/words';
import { useLive } from '../../live/live';
import { told } from '../run/told';

type Entry = Schema<'HistoryEntry'>;

/** What is shown before somebody asks for more. */
const FIRST = 8;

/** What happened to it, newest first, and what it looked like at any of those moments. */
export function History({
  resource,
  all,
  onAll,
  at,
  onAt,
}: {
  resource: ResourceDetail;
  /** Runs and steps too, not only its own states. */
  all: boolean;
  onAll: (all: boolean) => void;
  at: string | undefined;
  onAt: (at: string | undefined) => void;
}) {
  const [long, setLong] = useState(false);
  const query = useInfiniteQuery({ ...resourceHistory(resource.id, all), ...useLive(5) });
  const entries = query.data ?? [];
  const columns: readonly Column<Entry>[] = [
    {
      key: 'what',
      label: 'What',
      main: true,
      cell: ({ type }) =>
        type.startsWith('resource.') ? <Status status={type.slice(9)} /> : type.replace(/[._]/g, ' '),
    },
    {
      key: 'run',
      label: 'Run',
      cell: ({ run_id: run, step }) =>
        run == null ? null : (
          <>
            <Link to="/runs/$id" params={{ id: run }}>
              <code>{short(run)}</code>
            </Link>
            {step != null && <span className="quiet"> {step}</span>}
          </>
        ),
    },
    { key: 'more', label: 'More', cell: ({ data }) => told(data) },
    { key: 'by', label: 'By', cell: ({ actor }) => (actor === 'system' ? null : actor) },
    { key: 'when', label: 'When', number: true, cell: (entry) => <Time at={entry.at} /> },
    {
      key: 'do',
      label: 'Action',
      bare: true,
      cell: (entry) => (
        <Button
          small
          kind="quiet"
          aria-pressed={entry.at === at}
          onClick={() => onAt(entry.at === at ? undefined : entry.at)}
        >
          As it was
        </Button>
      ),
    },
  ];
  const table = {
    caption: `What happened to ${resource.name}, newest first`,
    rowKey: (entry: Entry) => `${entry.at} ${entry.type} ${entry.step ?? ''}`,
    columns,
  };
  return (
    <Section
      title="State history"
      flush
      aside={<Check label="Runs and steps too" checked={all} onChange={(event) => onAll(event.target.checked)} />}
    >
      {!long && entries.length > FIRST ? (
        <>
          <Table {...table} rows={entries.slice(0, FIRST)} />
          <footer className="table-foot">
            <Button small onClick={() => setLong(true)}>
              Show more
            </Button>
          </footer>
        </>
      ) : (
        <PagedTable
          {...table}
          query={query}
          what="entries"
          empty={
            <Empty title="Nothing is recorded" command={`slipway resource get ${resource.id}`}>
              What happens to it is written down here. How it stands:
            </Empty>
          }
        />
      )}
      {at !== undefined && <AsItWas id={resource.id} at={at} onClose={() => onAt(undefined)} />}
    </Section>
  );
}

function AsItWas({ id, at, onClose }: { id: string; at: string; onClose: () => void }) {
  const query = useQuery(resourceAt(id, at));
  return (
    <section className="opened" aria-label="As it was">
      <header className="section-head">
        <h2>
          As it was at <ExactTime at={at} />
        </h2>
        <Button small kind="quiet" onClick={onClose}>
          Close
        </Button>
      </header>
      <div className="section-body">
        <Loaded query={query} what="the resource of then" lines={5}>
          {(it) => (
            <>
              <Facts
                facts={[
                  ['State', it.state == null ? 'nothing was recorded by then' : <Status key="" status={it.state} />],
                  ['Why', it.state_data == null ? undefined : told(it.state_data) || undefined],
                  ['Generation', it.generation ?? undefined],
                  ['Provider', it.provider == null ? undefined : `${it.provider} ${it.provider_version ?? ''}`],
                  [
                    'Made by',
                    it.made_by == null ? undefined : (
                      <Link key="" to="/runs/$id" params={{ id: it.made_by }}>
                        <code>{short(it.made_by)}</code>
                      </Link>
                    ),
                  ],
                ]}
              />
              {it.asked != null && (
                <>
                  <h3>What was asked for</h3>
                  <Json value={it.asked} label="What was asked for" />
                </>
              )}
              {it.outputs != null && (
                <>
                  <h3>What it gave</h3>
                  <Json value={it.outputs} label="What it gave" />
                </>
              )}
            </>
          )}
        </Loaded>
      </div>
    </section>
  );
}
