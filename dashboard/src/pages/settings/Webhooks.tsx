import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';

import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import {
  changeWebhook,
  makeWebhook,
  removeWebhook,
  rotateWebhook,
  testWebhook,
  webhookList,
  type Webhook,
} from '../../api/webhooks';
import { Ask, listOf, type AskField } from '../../design/Ask';
import { Button } from '../../design/Button';
import { Empty } from '../../design/Empty';
import { Icon } from '../../design/Icon';
import { Menu } from '../../design/Menu';
import { Section } from '../../design/Page';
import { Status } from '../../design/Status';
import { PagedTable, rowLink, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { useLive } from '../../live/live';
import { Deliveries } from './Deliveries';
import { Once } from './Once';

const route = getRouteApi('/settings');

type Verb = 'change' | 'rotate' | 'remove';

/** Where events are sent to, and how that goes. */
export function Webhooks() {
  const { opened, delivery } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useInfiniteQuery({ ...webhookList, ...useLive(5) });
  const may = useMay('webhook.create');
  const [asking, setAsking] = useState<'make' | [Verb, Webhook]>();
  const close = () => setAsking(undefined);
  const shown = query.data?.find(({ id }) => id === opened);
  return (
    <Section
      title="Endpoints"
      flush
      aside={
        <Button small kind="primary" {...may} onClick={() => setAsking('make')}>
          Add a webhook…
        </Button>
      }
    >
      <PagedTable
        query={query}
        what="webhooks"
        caption="Where events are sent, newest first"
        columns={columnsFor((verb, it) => setAsking([verb, it]))}
        rowKey={(it) => it.id}
        tone={(it) => (it.status === 'failing' ? 'bad' : undefined)}
        empty={
          <Empty title="Events are sent nowhere" command="slipway webhook add https://hooks.example.org/slipway">
            A webhook is told what happens, signed, in order, and again until it answers.
          </Empty>
        }
      />
      {shown !== undefined && (
        <Deliveries
          key={shown.id}
          webhook={shown}
          opened={delivery}
          onClose={() => void navigate({ search: { tab: 'webhooks' }, resetScroll: false })}
        />
      )}
      {asking === 'make' && <Make onClose={close} />}
      {Array.isArray(asking) && <AskAbout verb={asking[0]} of={asking[1]} onClose={close} />}
    </Section>
  );
}

function columnsFor(onAsk: (verb: Verb, webhook: Webhook) => void): readonly Column<Webhook>[] {
  return [
    { key: 'status', label: 'Status', bare: true, cell: (it) => <Status status={it.status} /> },
    {
      key: 'url',
      label: 'Webhook',
      main: true,
      cell: (it) => (
        <>
          <Link to="/settings" search={{ tab: 'webhooks', opened: it.id }} resetScroll={false} {...rowLink}>
            {it.url}
          </Link>
          {it.description !== '' && <span className="cell-2">{it.description}</span>}
          <Why webhook={it} />
        </>
      ),
    },
    { key: 'team', label: 'Of', cell: (it) => it.team ?? 'all teams' },
    { key: 'events', label: 'Events', cell: (it) => (it.events.length === 0 ? 'all' : it.events.join(', ')) },
    { key: 'by', label: 'Made by', cell: (it) => it.created_by, wide: true },
    {
      key: 'do',
      label: 'Action',
      bare: true,
      cell: (it) => <Actions webhook={it} onAsk={(verb) => onAsk(verb, it)} />,
    },
  ];
}

function Why({ webhook: it }: { webhook: Webhook }) {
  if (it.disabled_reason != null) {
    return (
      <span className="why" data-tone="warn">
        disabled: {it.disabled_reason}, <Time at={it.disabled_at} />
      </span>
    );
  }
  if (it.failing_since == null) return null;
  return (
    <span className="why" data-tone="bad">
      no delivery succeeds any more; that began <Time at={it.failing_since} />
    </span>
  );
}

function Actions({ webhook: it, onAsk }: { webhook: Webhook; onAsk: (verb: Verb) => void }) {
  const may = useMay('webhook.write', it.team == null ? undefined : `team/${it.team}`);
  const enabled = it.status !== 'disabled';
  const test = useAction({ act: () => testWebhook(it.id), done: () => 'A test is on its way: look at its deliveries' });
  const turn = useAction({
    act: () => changeWebhook(it.id, { enabled: !enabled }),
    done: () => (enabled ? 'It is told nothing for now' : 'It is told what happens from now on'),
  });
  return (
    <Menu
      small
      kind="quiet"
      label={`What to do about ${it.url}`}
      {...may}
      items={[
        { label: 'Send a test', onSelect: () => test.mutate() },
        { label: 'Change…', onSelect: () => onAsk('change') },
        { label: enabled ? 'Disable' : 'Enable', onSelect: () => turn.mutate() },
        { label: 'New secret…', onSelect: () => onAsk('rotate') },
        { label: 'Remove…', danger: true, onSelect: () => onAsk('remove') },
      ]}
    >
      <Icon name="more" />
    </Menu>
  );
}

function fieldsOf(it?: Webhook): readonly AskField[] {
  return [
    {
      name: 'url',
      label: 'Where to',
      required: true,
      placeholder: 'https://hooks.example.org/slipway',
      value: it?.url ?? '',
    },
    {
      name: 'events',
      label: 'Events',
      hint: 'Without any: all',
      placeholder: 'run.* application.submitted',
      value: it?.events.join(' ') ?? '',
    },
    { name: 'description', label: 'For people', value: it?.description ?? '' },
  ];
}

function Make({ onClose }: { onClose: () => void }) {
  return (
    <Ask
      title="Add a webhook"
      verb="Add it"
      fields={[...fieldsOf(), { name: 'team', label: 'Team', hint: 'Without one: your only one, or all' }]}
      act={(said) =>
        makeWebhook({
          url: said('url').trim(),
          events: listOf(said('events')),
          description: said('description'),
          team: said('team').trim() || null,
        })
      }
      shown={({ secret }) => <Once secret={secret} what="the secret that deliveries are signed with" />}
      onClose={onClose}
    />
  );
}

function AskAbout({ verb, of: it, onClose }: { verb: Verb; of: Webhook; onClose: () => void }) {
  switch (verb) {
    case 'change':
      return (
        <Ask
          title="Change the webhook"
          verb="Change it"
          fields={fieldsOf(it)}
          act={(said) =>
            changeWebhook(it.id, {
              url: said('url').trim(),
              events: listOf(said('events')),
              description: said('description'),
            })
          }
          done={() => 'It is changed'}
          onClose={onClose}
        />
      );
    case 'rotate':
      return (
        <Ask
          title="Give it a new secret?"
          verb="Make a new secret"
          act={() => rotateWebhook(it.id)}
          shown={({ secret }) => <Once secret={secret} what="the new secret" />}
          onClose={onClose}
        >
          <p>For a day deliveries to {it.url} carry two signatures, of the old secret and of the new one.</p>
        </Ask>
      );
    case 'remove':
      return (
        <Ask
          title="Remove the webhook?"
          verb="Remove it"
          danger
          act={() => removeWebhook(it.id)}
          done={() => 'It is told nothing any more'}
          onClose={onClose}
        >
          <p>{it.url} is told nothing any more, and what is kept of its deliveries is gone.</p>
        </Ask>
      );
  }
}
