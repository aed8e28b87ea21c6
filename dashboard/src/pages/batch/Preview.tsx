import { Link } from '@tanstack/react-router';

import type { BatchDetail, BatchPreview } from '../../api/batches';
import { Facts } from '../../design/Facts';
import { Notice } from '../../design/Notice';
import { Section } from '../../design/Page';
import { Table } from '../../design/Table';
import { count, figure, lengthOf } from '../../design/words';
import { Planned, Plans } from './Plans';

/** What it would do, or does: to how many of whom, how, and what hangs on them. */
export function Preview({ batch: { id, preview: it } }: { batch: BatchDetail }) {
  return (
    <Section title="What it is about" flush>
      <div className="section-body">
        {it.problems > 0 && (
          <Notice tone="warn" title={`${count(it.problems, 'resource')} left out`}>
            <p>Nothing can be done for them: why is said below, in the groups that have a problem.</p>
          </Notice>
        )}
        <Facts
          facts={[
            ['Resources', figure(it.total)],
            ['Teams', counted(it.by_team)],
            ['Types', counted(it.by_type)],
            ['Environments', counted(it.by_environment)],
            [
              'What depends on them',
              it.dependents.count === 0
                ? 'nothing outside the batch'
                : `${count(it.dependents.count, 'resource')}: ${counted(it.dependents.by_team)}`,
            ],
            ['Resources of each wave', it.waves.map((wave) => figure(wave)).join(', ')],
            [
              'It would take',
              it.expected == null
                ? 'nobody knows: no such run was ever seen'
                : `about ${lengthOf(it.expected.seconds)}, by ${it.expected.basis}`,
            ],
            ...it.params.map(
              ({ name, value, differs }) =>
                [
                  `Param ${name}`,
                  <span key={name}>
                    <code>{set(value)}</code> <span className="quiet">changes {count(differs, 'resource')}</span>
                  </span>,
                ] as const,
            ),
          ]}
        />
      </div>
      <Groups groups={it.groups} />
      <Plans id={id} groups={it.groups} />
    </Section>
  );
}

function set(value: unknown): string {
  return value === null ? 'as the spec says' : JSON.stringify(value);
}

function counted(names: BatchPreview['by_team']): string {
  if (names.length === 0) return 'none';
  return names.map(({ name, count: number }) => `${name === '' ? 'none' : name} ${figure(number)}`).join(', ');
}

function Groups({ groups }: { groups: BatchPreview['groups'] }) {
  if (groups.length === 0) return null;
  return (
    <Table
      caption="The ways in which they are done"
      rows={groups}
      rowKey={(it) => `${it.type} ${it.provider ?? ''} ${it.from_version ?? ''} ${it.to_version ?? ''} ${it.sample}`}
      tone={(it) => (it.problem == null ? undefined : 'warn')}
      columns={[
        {
          key: 'type',
          label: 'Type',
          main: true,
          cell: (it) => (
            <>
              {it.type}
              {it.problem != null && (
                <span className="why" data-tone="warn">
                  {it.problem}
                </span>
              )}
            </>
          ),
        },
        { key: 'resources', label: 'Resources', number: true, cell: (it) => figure(it.resources) },
        { key: 'provider', label: 'Provider', cell: (it) => it.provider },
        { key: 'version', label: 'Version', cell: versions },
        { key: 'workflow', label: 'Workflow', cell: (it) => it.workflow ?? 'as its last run' },
        {
          key: 'plan',
          label: 'Plan',
          cell: ({ plan }) => (plan == null ? null : <Planned plan={plan} />),
        },
        {
          key: 'sample',
          label: 'One of them',
          cell: (it) => (
            <Link to="/resources/$id" params={{ id: it.sample }}>
              Look at it
            </Link>
          ),
        },
      ]}
    />
  );
}

function versions({ from_version: from, to_version: to }: BatchPreview['groups'][number]): string {
  if (from == null || to == null || from === to) return to ?? from ?? '';
  return `${from} → ${to}`;
}
