import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';

import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import {
  changeRule,
  makeRule,
  messages,
  removeRule,
  ruleList,
  testRule,
  type Message,
  type Rule,
  type Whose,
} from '../../api/notifications';
import { Ask } from '../../design/Ask';
import { Button } from '../../design/Button';
import { Empty } from '../../design/Empty';
import { Icon } from '../../design/Icon';
import { Menu } from '../../design/Menu';
import { Section } from '../../design/Page';
import { Status } from '../../design/Status';
import { PagedTable, rowLink, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { count, lengthOf } from '../../design/words';
import { useLive } from '../../live/live';
import { Once } from './Once';

const route = getRouteApi('/settings');

/** What one is told of, and what teams are. */
export function Notifications() {
  return (
    <>
      <Rules whose="mine" />
      <Rules whose="rules" />
    </>
  );
}

const WORDS = {
  mine: {
    title: 'You are told',
    add: 'Tell me…',
    empty: 'You are told of nothing',
    command: 'slipway notification add --email',
    may: 'notification.own',
  },
  rules: {
    title: 'Teams are told',
    add: 'Tell a team…',
    empty: 'No team is told of anything',
    command: 'slipway notification add --slack https://hooks.slack.com/… --team shop',
    may: 'notification.write',
  },
} as const;

function Rules({ whose }: { whose: Whose }) {
  const { opened } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...ruleList(whose), ...useLive(5) });
  const words = WORDS[whose];
  const may = useMay(words.may);
  const [asking, setAsking] = useState<'make' | Rule>();
  const shown = query.data?.find(({ id }) => id === opened);
  return (
    <Section
      title={words.title}
      flush
      aside={
        <Button small {...may} onClick={() => setAsking('make')}>
          {words.add}
        </Button>
      }
    >
      <PagedTable
        query={query}
        what="rules"
        caption={words.title}
        columns={columnsFor(whose, setAsking)}
        rowKey={(it) => it.id}
        tone={(it) => (it.status === 'failing' ? 'bad' : undefined)}
        empty={
          <Empty title={words.empty} command={words.command}>
            Of a run that failed, a question that waits, a resource that drifted: once, and then together.
          </Empty>
        }
      />
      {shown !== undefined && (
        <Sent
          whose={whose}
          rule={shown}
          onClose={() => void navigate({ search: { tab: 'notifications' }, resetScroll: false })}
        />
      )}
      {asking === 'make' && <Make whose={whose} onClose={() => setAsking(undefined)} />}
      {typeof asking === 'object' && <Remove whose={whose} of={asking} onClose={() => setAsking(undefined)} />}
    </Section>
  );
}

function columnsFor(whose: Whose, onRemove: (rule: Rule) => void): readonly Column<Rule>[] {
  return [
    { key: 'status', label: 'Status', bare: true, cell: (it) => <Status status={it.status} /> },
    {
      key: 'target',
      label: 'Where',
      main: true,
      cell: (it) => (
        <>
          <Link to="/settings" search={{ tab: 'notifications', opened: it.id }} resetScroll={false} {...rowLink}>
            {it.target}
          </Link>
          {it.description !== '' && <span className="cell-2">{it.description}</span>}
          {it.last_error != null && (
            <span className="why" data-tone="bad">
              {it.last_error}
            </span>
          )}
        </>
      ),
    },
    { key: 'how', label: 'How', cell: (it) => it.channel },
    { key: 'on', label: 'Of', cell: (it) => it.on.join(', ') },
    ...(whose === 'mine'
      ? []
      : [{ key: 'team', label: 'Team', cell: (it: Rule) => it.team ?? 'all teams' } satisfies Column<Rule>]),
    {
      key: 'digest',
      label: 'Together after',
      number: true,
      wide: true,
      cell: (it) => (it.digest_s === 0 ? 'each alone' : lengthOf(it.digest_s)),
    },
    {
      key: 'waiting',
      label: 'Waiting',
      number: true,
      cell: (it) =>
        it.waiting === 0 ? null : (
          <>
            {it.waiting}
            {it.quiet_until != null && (
              <span className="cell-2">
                told <Time at={it.quiet_until} />
              </span>
            )}
          </>
        ),
    },
    { key: 'told', label: 'Told', number: true, cell: (it) => <Time at={it.last_delivered_at} /> },
    {
      key: 'do',
      label: 'Action',
      bare: true,
      cell: (it) => <Actions whose={whose} rule={it} onRemove={() => onRemove(it)} />,
    },
  ];
}

function Actions({ whose, rule: it, onRemove }: { whose: Whose; rule: Rule; onRemove: () => void }) {
  const may = useMay(WORDS[whose].may, it.team == null ? undefined : `team/${it.team}`);
  const paused = it.status === 'paused';
  const test = useAction({ act: () => testRule(whose, it.id), done: () => 'A test is on its way' });
  const turn = useAction({
    act: () => changeRule(whose, it.id, { paused: !paused }),
    done: () => (paused ? 'It goes on with what happens from now on' : 'Nothing is told for now'),
  });
  return (
    <Menu
      small
      kind="quiet"
      label={`What to do about ${it.target}`}
      {...may}
      items={[
        { label: 'Send a test', onSelect: () => test.mutate() },
        { label: paused ? 'Go on' : 'Pause', onSelect: () => turn.mutate() },
        { label: 'Remove…', danger: true, onSelect: onRemove },
      ]}
    >
      <Icon name="more" />
    </Menu>
  );
}

const KINDS = [
  ['failure', 'a run or resource failed'],
  ['approval', 'a question waits'],
  ['drift', 'a resource drifted'],
] as const;

function Make({ whose, onClose }: { whose: Whose; onClose: () => void }) {
  return (
    <Ask
      title={whose === 'mine' ? 'What you want to be told' : 'What a team is told'}
      verb="Tell it"
      fields={[
        ...(whose === 'mine'
          ? []
          : [{ name: 'team', label: 'Team', hint: 'Without one: your only one, or all' } as const]),
        {
          name: 'channel',
          label: 'How',
          value: whose === 'mine' ? 'email' : 'slack',
          options: [
            ['email', 'by mail'],
            ['slack', 'in a chat'],
            ['webhook', 'to a program'],
          ],
        },
        {
          name: 'target',
          label: 'Where',
          hint: whose === 'mine' ? 'By mail without one: your own address' : undefined,
          placeholder: 'https://… or an address',
        },
        ...KINDS.map(([name, label]) => ({ name, label: `When ${label}`, kind: 'check', value: 'true' }) as const),
        { name: 'minutes', label: 'Tell together what happens within minutes', kind: 'number', placeholder: '15' },
      ]}
      act={(said) =>
        makeRule(whose, {
          channel: said('channel'),
          on: KINDS.map(([name]) => name).filter((name) => said(name) === 'true'),
          target: said('target').trim() || null,
          team: said('team').trim() || null,
          digest_s: said('minutes') === '' ? null : Number(said('minutes')) * 60,
        })
      }
      shown={({ secret, target }) =>
        secret == null ? (
          <p>{target} is told from now on.</p>
        ) : (
          <Once secret={secret} what="the secret that messages are signed with" />
        )
      }
      onClose={onClose}
    />
  );
}

function Remove({ whose, of: it, onClose }: { whose: Whose; of: Rule; onClose: () => void }) {
  return (
    <Ask
      title="Remove the rule?"
      verb="Remove it"
      danger
      act={() => removeRule(whose, it.id)}
      done={() => `${it.target} is told nothing any more`}
      onClose={onClose}
    >
      <p>{it.target} is told nothing any more, and what is kept of its messages is gone.</p>
    </Ask>
  );
}

const SENT: readonly Column<Message>[] = [
  { key: 'status', label: 'Status', bare: true, cell: (it) => <Status status={it.status} /> },
  {
    key: 'subject',
    label: 'Message',
    main: true,
    cell: (it) => (
      <>
        {it.subject}
        {it.last_error != null && it.status !== 'delivered' && (
          <span className="why" data-tone="bad">
            {it.last_error}
          </span>
        )}
      </>
    ),
  },
  { key: 'of', label: 'Tells of', number: true, cell: (it) => count(it.count, 'thing') },
  { key: 'tries', label: 'Tries', number: true, cell: (it) => it.attempts },
  { key: 'made', label: 'Made', number: true, cell: (it) => <Time at={it.created_at} /> },
];

function Sent({ whose, rule, onClose }: { whose: Whose; rule: Rule; onClose: () => void }) {
  const query = useInfiniteQuery({ ...messages(whose, rule.id), ...useLive(3) });
  return (
    <section className="opened" aria-label={`Messages to ${rule.target}`}>
      <header className="section-head">
        <h2>Messages</h2>
        <Button small kind="quiet" onClick={onClose}>
          Close
        </Button>
      </header>
      <PagedTable
        query={query}
        what="messages"
        caption="Messages, newest first"
        columns={SENT}
        rowKey={(it) => it.id}
        empty={
          <Empty title="Nothing was sent yet" command={`slipway notification test ${rule.id}`}>
            To see that it arrives:
          </Empty>
        }
      />
    </section>
  );
}
