import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';

import { approvalList, isAsked, type Approval, type APPROVAL_FILTERS, type ApprovalFilter } from '../../api/approvals';
import { whoami } from '../../api/identity';
import { tellStep } from '../../api/runs';
import { Ask } from '../../design/Ask';
import { Button } from '../../design/Button';
import { Empty, NoneLikeThat } from '../../design/Empty';
import { FilterBar, type Filter } from '../../design/FilterBar';
import { Page, Section } from '../../design/Page';
import { Status } from '../../design/Status';
import { PagedTable, rowLink, Table, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { useLive } from '../../live/live';

const FILTERS: readonly Filter<(typeof APPROVAL_FILTERS)[number]>[] = [
  {
    name: 'status',
    label: 'Status',
    none: 'open',
    options: ['approved', 'rejected', 'expired', 'withdrawn', 'all'].map((status) => [status, status] as const),
  },
  { name: 'application', label: 'Application' },
  { name: 'team', label: 'Team' },
];

type Verb = 'approve' | 'reject';

const route = getRouteApi('/approvals');

/** Questions that runs ask people: those that one may answer oneself first. */
export function ApprovalsPage() {
  const filter = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...approvalList(filter), ...useLive(3) });
  const who = useQuery(whoami);
  const [asked, setAsked] = useState<[Verb, Approval]>();
  const columns = columnsFor((verb, approval) => setAsked([verb, approval]));
  const mine = (query.data ?? []).filter(
    (it) => it.status === 'open' && who.data !== undefined && isAsked(it, who.data),
  );
  const others = (query.data ?? []).filter((it) => !mine.includes(it));
  return (
    <Page title="Approvals">
      {mine.length > 0 && (
        <Section title="For you to decide" flush>
          <Table
            caption="Questions that you may answer"
            columns={columns}
            rows={mine}
            rowKey={keyOf}
            tone={() => 'warn'}
          />
        </Section>
      )}
      <Section
        title={mine.length > 0 ? 'For others to decide' : 'Of the newest runs first'}
        flush
        bare={mine.length === 0}
      >
        <FilterBar filters={FILTERS} values={filter} onChange={(search) => void navigate({ search })} />
        <PagedTable
          query={query.data === undefined ? query : { ...query, data: others }}
          what="questions"
          caption="Questions, those of the newest runs first"
          columns={columns.filter(({ key }) => key !== 'do')}
          rowKey={keyOf}
          empty={<None mine={mine.length > 0} filter={filter} onClear={() => void navigate({ search: {} })} />}
        />
      </Section>
      {asked !== undefined && <Decide verb={asked[0]} approval={asked[1]} onClose={() => setAsked(undefined)} />}
    </Page>
  );
}

function keyOf({ run_id, step }: Approval): string {
  return `${run_id} ${step}`;
}

function columnsFor(onAsk: (verb: Verb, approval: Approval) => void): readonly Column<Approval>[] {
  return [
    { key: 'status', label: 'Status', bare: true, cell: (it) => <Status status={it.status} /> },
    {
      key: 'message',
      label: 'Question',
      main: true,
      cell: (it) => (
        <>
          <Link to="/runs/$id" params={{ id: it.run_id }} {...rowLink}>
            {it.message}
          </Link>
          <span className="cell-2">
            {it.workflow} / {it.step}
          </span>
          {it.decided_by != null && (
            <span className="cell-2">
              {it.status} by {it.decided_by}
              {it.reason != null && it.reason !== '' && `: ${it.reason}`}
            </span>
          )}
        </>
      ),
    },
    {
      key: 'for',
      label: 'For',
      cell: (it) => (
        <>
          {it.application ?? it.team}
          {it.resource != null && <span className="cell-2">{it.resource}</span>}
        </>
      ),
    },
    { key: 'who', label: 'Decides', cell: decider, wide: true },
    { key: 'by', label: 'Asked by', cell: (it) => it.requested_by, wide: true },
    { key: 'since', label: 'Since', number: true, cell: (it) => <Time at={it.requested_at} /> },
    {
      key: 'until',
      label: 'Until',
      number: true,
      cell: (it) =>
        it.expires_at == null ? null : (
          <>
            <Time at={it.expires_at} />
            <span className="cell-2">then {it.on_timeout === 'approve' ? 'approved' : 'rejected'}</span>
          </>
        ),
    },
    {
      key: 'do',
      label: 'Decide',
      bare: true,
      cell: (it) => (
        <span className="row">
          <Button small onClick={() => onAsk('approve', it)}>
            Approve…
          </Button>
          <Button small kind="quiet" onClick={() => onAsk('reject', it)}>
            Reject…
          </Button>
        </span>
      ),
    },
  ];
}

function decider({ roles, teams }: Approval): string {
  const role = roles.length === 0 ? 'approver' : roles.join(' or ');
  return teams.length === 0 ? role : `${role} of ${teams.join(' or ')}`;
}

function Decide({ verb, approval: it, onClose }: { verb: Verb; approval: Approval; onClose: () => void }) {
  return (
    <Ask
      title={verb === 'approve' ? 'Approve?' : 'Reject?'}
      verb={verb === 'approve' ? 'Approve' : 'Reject'}
      danger={verb === 'reject'}
      fields={[{ name: 'reason', label: 'Reason, for those who find it decided' }]}
      act={(said) => tellStep({ id: it.run_id, step: it.step, verb, reason: said('reason').trim() })}
      done={() => `Step ${it.step} is ${verb === 'approve' ? 'approved' : 'rejected'}`}
      onClose={onClose}
    >
      <p className="decision-message">{it.message}</p>
      <p className="quiet">
        {it.workflow} / {it.step}, for {it.application ?? it.team}, asked by {it.requested_by}
      </p>
    </Ask>
  );
}

function None({ mine, filter, onClear }: { mine: boolean; filter: ApprovalFilter; onClear: () => void }) {
  if (mine) {
    return (
      <Empty title="Nobody else is asked anything" command="slipway approval list --status all">
        All that is open is above. What was decided before:
      </Empty>
    );
  }
  if (Object.keys(filter).length > 0) {
    return <NoneLikeThat what="question" command="slipway approval list --status all" onClear={onClear} />;
  }
  return (
    <Empty title="Nothing waits for a decision" command="slipway approval list --status all">
      A run asks here when a step of its workflow is an approval. Be told when one does: Settings, Notifications. Those
      that were decided:
    </Empty>
  );
}
