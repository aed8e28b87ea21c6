import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import {
  AUDIT_EXPORT,
  auditHead,
  auditList,
  brokenAt,
  type AUDIT_FILTERS,
  type AuditFilter,
  type Entry,
} from '../../api/audit';
import { Command } from '../../design/Copy';
import { Empty, NoneLikeThat } from '../../design/Empty';
import { Facts } from '../../design/Facts';
import { FilterBar, type Filter } from '../../design/FilterBar';
import { Loaded } from '../../design/Loaded';
import { Notice } from '../../design/Notice';
import { Page, Section } from '../../design/Page';
import { Status } from '../../design/Status';
import { PagedTable, rowLink, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { figure, short } from '../../design/words';
import { useLive } from '../../live/live';
import { Opened } from './Opened';

type Name = (typeof AUDIT_FILTERS)[number];

const FILTERS: readonly Filter<Name>[] = [
  { name: 'actor', label: 'Who', placeholder: 'ada' },
  { name: 'action', label: 'What', placeholder: 'run.*' },
  { name: 'object', label: 'To what', placeholder: 'application/*' },
  { name: 'team', label: 'Team' },
  {
    name: 'outcome',
    label: 'Outcome',
    options: [
      ['done', 'done'],
      ['refused', 'refused'],
    ],
  },
  { name: 'since', label: 'From', placeholder: '2026-11-21T00:00:00Z', rare: true },
  { name: 'until', label: 'Before', placeholder: '2026-11-22T00:00:00Z', rare: true },
];

const COLUMNS: readonly Column<Entry>[] = [
  {
    key: 'when',
    label: 'When',
    cell: (it) => (
      <span className="whole">
        <Time at={it.at} />
      </span>
    ),
  },
  {
    key: 'action',
    label: 'What',
    main: true,
    cell: (it) => (
      <Link to="/audit" search={(before) => ({ ...before, entry: String(it.id) })} resetScroll={false} {...rowLink}>
        {it.action}
      </Link>
    ),
  },
  { key: 'object', label: 'To what', cell: (it) => <ObjectName object={it.object} /> },
  {
    key: 'actor',
    label: 'Who',
    cell: (it) => (
      <span className="whole">
        {it.actor}
        {it.actor_kind !== 'person' && <span className="cell-2">{it.actor_kind.replaceAll('_', ' ')}</span>}
      </span>
    ),
  },
  { key: 'team', label: 'Team', cell: (it) => it.team, wide: true },
  { key: 'outcome', label: 'Outcome', bare: true, cell: (it) => <Status status={it.outcome} /> },
  { key: 'address', label: 'Address', cell: (it) => <span className="whole">{it.address}</span>, wide: true },
  {
    key: 'seq',
    label: 'Number',
    number: true,
    wide: true,
    cell: (it) => (it.seq == null ? <span className="quiet">not yet</span> : figure(it.seq)),
  },
];

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** What was acted on, its ids by the part that people compare; the whole is on hover. */
function ObjectName({ object }: { object: string }) {
  return (
    <span className="broken" title={object}>
      {object.replace(UUID, (id) => `…${short(id)}`)}
    </span>
  );
}

const route = getRouteApi('/audit');

/** Who did what, and whether the record holds together. */
export function AuditPage() {
  const { entry, ...filter } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...auditList(filter), ...useLive(5) });
  const opened = query.data?.find(({ id }) => String(id) === entry);
  return (
    <Page
      title="Audit"
      actions={
        <a className="button" href={AUDIT_EXPORT} download="audit.jsonl">
          Export all of it
        </a>
      }
    >
      <Section title="Newest first" flush bare>
        <FilterBar filters={FILTERS} values={filter} onChange={(search) => void navigate({ search })} />
        <PagedTable
          query={query}
          what="entries"
          caption="Who did what, newest first"
          columns={COLUMNS}
          rowKey={(it) => String(it.id)}
          tone={(it) => (it.outcome === 'refused' ? 'warn' : undefined)}
          empty={<None filter={filter} onClear={() => void navigate({ search: {} })} />}
        />
        {opened !== undefined && (
          <Opened
            key={opened.id}
            entry={opened}
            onClose={() => void navigate({ search: filter, resetScroll: false })}
          />
        )}
      </Section>
      {query.isSuccess && <Chain entries={query.data} />}
    </Page>
  );
}

/** Whether the record holds together, as far as can be seen from here. */
function Chain({ entries }: { entries: readonly Entry[] }) {
  const query = useQuery({ ...auditHead, ...useLive(10) });
  const broken = brokenAt(entries);
  return (
    <Section title="The chain">
      {broken !== undefined && (
        <Notice tone="bad" title={`Entry ${figure(broken)} does not follow the one before it`}>
          <p>It does not name that one's hash: somebody has changed the record. Keep what there is, and compare it:</p>
        </Notice>
      )}
      <Loaded query={query} what="where the record ends" lines={3}>
        {(head) => (
          <Facts
            facts={[
              ['Last number', figure(head.seq)],
              ['Its hash', <code key="">{head.hash}</code>],
              ['Not chained yet', head.unchained === 0 ? 'nothing' : figure(head.unchained)],
              [
                'Signed',
                head.signature == null ? (
                  <span className="quiet">no: an operator names a key in audit.signing_key</span>
                ) : (
                  <>
                    by the key <code>{head.key}</code>
                  </>
                ),
              ],
              ...head.streams.map(
                (it) =>
                  [
                    `Sent to ${it.name}`,
                    <span key="">
                      up to {figure(it.seq)} <Time at={it.sent_at} />
                      {it.error != null && (
                        <span className="why" data-tone="bad">
                          {it.error}, since <Time at={it.failing_since} />
                        </span>
                      )}
                    </span>,
                  ] as const,
              ),
            ]}
          />
        )}
      </Loaded>
      <p className="row">
        What is shown here {broken === undefined ? 'holds together' : 'does not hold together'}. All of it is computed
        again by <Command>slipway audit verify</Command>
      </p>
    </Section>
  );
}

function None({ filter, onClear }: { filter: AuditFilter; onClear: () => void }) {
  if (Object.keys(filter).length > 0) {
    return <NoneLikeThat what="entry" command="slipway audit list" onClear={onClear} />;
  }
  return (
    <Empty title="Nobody has done anything yet" command="slipway audit tail">
      Whatever is changed or refused is written down here. To watch it as it happens:
    </Empty>
  );
}
