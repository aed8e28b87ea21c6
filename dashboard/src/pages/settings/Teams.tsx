import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';

import { useMay } from '../../api/may';
import { setQuotas, team, teamList, type Quotas, type Team, type TeamDetail } from '../../api/teams';
import { Ask } from '../../design/Ask';
import { Button } from '../../design/Button';
import { Empty } from '../../design/Empty';
import { Facts } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Notice } from '../../design/Notice';
import { Section } from '../../design/Page';
import { PagedTable, rowLink, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { bytes, figure } from '../../design/words';
import { useLive } from '../../live/live';
import { amounts, exactBytes, readBytes, sayAmounts } from './quotas';

const route = getRouteApi('/settings');

const COLUMNS: readonly Column<Team>[] = [
  {
    key: 'name',
    label: 'Team',
    main: true,
    cell: (it) => (
      <Link to="/settings" search={{ tab: 'teams', opened: it.name }} resetScroll={false} {...rowLink}>
        {it.name}
      </Link>
    ),
  },
  { key: 'runs', label: 'Runs at once', number: true, cell: ({ quotas }) => bound(quotas.runs, figure) },
  { key: 'cpu', label: 'Processor a month', number: true, cell: ({ quotas }) => bound(quotas.cpu_minutes, minutes) },
  { key: 'log', label: 'Log a month', number: true, cell: ({ quotas }) => bound(quotas.log_bytes, bytes) },
  { key: 'storage', label: 'Kept', number: true, cell: ({ quotas }) => bound(quotas.storage_bytes, bytes) },
  { key: 'resources', label: 'Resources', cell: ({ quotas }) => sayAmounts(quotas.resources), wide: true },
  { key: 'since', label: 'Since', number: true, wide: true, cell: (it) => <Time at={it.created_at} /> },
];

function minutes(number: number): string {
  return `${figure(number)} min`;
}

function bound(most: number | null, say: (most: number) => string) {
  return most === null ? <span className="quiet">no bound</span> : say(most);
}

/** What each team may use, and what it uses. */
export function Teams() {
  const { opened } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...teamList, ...useLive(10) });
  return (
    <Section title="Teams" flush bare>
      <PagedTable
        query={query}
        what="teams"
        caption="Teams, by name"
        columns={COLUMNS}
        rowKey={(it) => it.name}
        empty={
          <Empty title="There is no team yet" command="slipway team set-quota shop --runs 10">
            A team is there as soon as somebody names it: in an application, a key, or a quota.
          </Empty>
        }
      />
      {opened !== undefined && (
        <Opened
          key={opened}
          name={opened}
          onClose={() => void navigate({ search: { tab: 'teams' }, resetScroll: false })}
        />
      )}
    </Section>
  );
}

function Opened({ name, onClose }: { name: string; onClose: () => void }) {
  const query = useQuery({ ...team(name), ...useLive(5) });
  const may = useMay('quota.write', `team/${name}`);
  const [asking, setAsking] = useState(false);
  return (
    <section className="opened" aria-label={`Team ${name}`}>
      <header className="section-head">
        <h2>{name}</h2>
        <div className="row">
          <Button small {...may} onClick={() => setAsking(true)}>
            Set quotas…
          </Button>
          <Button small kind="quiet" onClick={onClose}>
            Close
          </Button>
        </div>
      </header>
      <div className="section-body">
        <Loaded query={query} what="the team">
          {(it) => (
            <>
              <Used team={it} />
              {asking && <SetQuotas team={it} onClose={() => setAsking(false)} />}
            </>
          )}
        </Loaded>
      </div>
    </section>
  );
}

function Used({ team: { name, quotas, used } }: { team: TeamDetail }) {
  const of = (number: number, most: number | null, say: (number: number) => string) =>
    `${say(number)}${most === null ? ', no bound' : ` of ${say(most)}`}`;
  return (
    <>
      {used.waits_for != null && (
        <Notice tone="warn" title={`Runs of ${name} wait for its own quota`}>
          <p>{used.waits_for}</p>
        </Notice>
      )}
      <Facts
        facts={[
          ['Runs at once', of(used.runs, quotas.runs, figure)],
          ['Ready, and waiting', figure(used.ready)],
          ['Processor this month', of(used.cpu_minutes, quotas.cpu_minutes, minutes)],
          ['Log this month', of(used.log_bytes, quotas.log_bytes, bytes)],
          ['The month ends', <Time key="" at={used.month_ends_at} />],
          ['Kept', of(used.storage_bytes, quotas.storage_bytes, bytes)],
          [
            'Of which',
            `${bytes(used.workspace_bytes)} workspaces, ${bytes(used.kept_log_bytes)} logs, ${bytes(used.state_bytes)} states`,
          ],
          ['Resources', sayAmounts(used.resources) || 'none'],
          ['At most', sayAmounts(quotas.resources) || 'no bound'],
        ]}
      />
    </>
  );
}

function SetQuotas({ team: { name, quotas }, onClose }: { team: TeamDetail; onClose: () => void }) {
  const number = (text: string) => (text.trim() === '' ? null : Number(text));
  const given = (most: number | null, say: (most: number) => string = String) => (most === null ? '' : say(most));
  return (
    <Ask
      title={`Quotas of ${name}`}
      verb="Set them"
      fields={[
        { name: 'runs', label: 'Runs at once', kind: 'number', value: given(quotas.runs) },
        {
          name: 'cpu_minutes',
          label: 'Minutes of processor a month',
          kind: 'number',
          value: given(quotas.cpu_minutes),
        },
        { name: 'log_bytes', label: 'Log a month', placeholder: '5 GB', value: given(quotas.log_bytes, exactBytes) },
        { name: 'storage_bytes', label: 'Kept', placeholder: '50 GB', value: given(quotas.storage_bytes, exactBytes) },
        {
          name: 'resources',
          label: 'Resources, by type',
          placeholder: 'postgres 5, s3 20',
          value: sayAmounts(quotas.resources),
        },
      ]}
      act={(said) => {
        const body: Quotas = {
          runs: number(said('runs')),
          cpu_minutes: number(said('cpu_minutes')),
          log_bytes: readBytes(said('log_bytes'), 'log_bytes'),
          storage_bytes: readBytes(said('storage_bytes'), 'storage_bytes'),
          resources: amounts(said('resources'), 'resources'),
        };
        return setQuotas(name, body);
      }}
      done={() => `${name} has new quotas`}
      onClose={onClose}
    >
      <p>What is left empty is not bounded. What runs goes on, what is there stays.</p>
    </Ask>
  );
}
