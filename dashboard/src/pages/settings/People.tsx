import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { useAction } from '../../api/action';
import type { Schema } from '../../api/client';
import { endSession, people, sessions, whoami } from '../../api/identity';
import { accounts, disableAccount, makeAccount, type Account } from '../../api/keys';
import { useMay } from '../../api/may';
import { Ask, listOf } from '../../design/Ask';
import { Button } from '../../design/Button';
import { Command } from '../../design/Copy';
import { Empty } from '../../design/Empty';
import { Facts } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Section } from '../../design/Page';
import { Status } from '../../design/Status';
import { PagedTable } from '../../design/Table';
import { Time } from '../../design/Time';
import { useLive } from '../../live/live';
import { KeyForm } from './KeyForm';

/** Who is here: oneself, one's browsers, everybody who is known, and the accounts of programs. */
export function People() {
  return (
    <>
      <You />
      <Sessions />
      <Everybody />
      <Accounts />
    </>
  );
}

function You() {
  const query = useQuery(whoami);
  return (
    <Section title="You">
      <Loaded query={query} what="who you are" lines={3}>
        {(it) => (
          <Facts
            facts={[
              ['Name', it.name],
              ['Roles', it.roles.join(', ') || 'none'],
              ['Teams', it.teams.join(', ') || 'none'],
              ['Good for', it.scopes == null ? 'all that your roles allow' : it.scopes.join(', ')],
            ]}
          />
        )}
      </Loaded>
    </Section>
  );
}

function Sessions() {
  const query = useInfiniteQuery({ ...sessions, ...useLive(10) });
  const end = useAction({
    act: ({ id }: Schema<'SessionView'>) => endSession(id),
    done: () => 'That browser is logged out',
  });
  return (
    <Section title="Your browsers" flush>
      <PagedTable
        query={query}
        what="logins"
        caption="Browsers that are logged in as you"
        rowKey={(it) => it.id}
        columns={[
          {
            key: 'agent',
            label: 'Browser',
            main: true,
            cell: (it) => (
              <>
                {it.agent}
                {it.current && <span className="cell-2">this one</span>}
              </>
            ),
          },
          { key: 'from', label: 'From', cell: (it) => it.address },
          { key: 'seen', label: 'Used', number: true, cell: (it) => <Time at={it.last_seen_at} /> },
          { key: 'ends', label: 'Ends', number: true, cell: (it) => <Time at={it.expires_at} /> },
          {
            key: 'do',
            label: 'Action',
            bare: true,
            cell: (it) => (
              <Button
                small
                kind="quiet"
                busy={end.isPending && end.variables.id === it.id}
                onClick={() => end.mutate(it)}
              >
                Log out
              </Button>
            ),
          },
        ]}
        empty={
          <Empty title="You are here by a key" command="slipway login">
            A browser that logs in is listed here, and can be logged out.
          </Empty>
        }
      />
    </Section>
  );
}

function Everybody() {
  const query = useInfiniteQuery({ ...people, ...useLive(10) });
  return (
    <Section title="People" flush aside={<Command>slipway user list</Command>}>
      <PagedTable
        query={query}
        what="people"
        caption="People who are known, by name"
        rowKey={(it) => it.id}
        columns={[
          {
            key: 'name',
            label: 'Name',
            main: true,
            cell: (it) => (
              <>
                {it.name}
                {it.email != null && <span className="cell-2">{it.email}</span>}
              </>
            ),
          },
          {
            key: 'state',
            label: 'Status',
            bare: true,
            cell: (it) => <Status status={it.disabled_at == null ? 'enabled' : 'disabled'} />,
          },
          { key: 'roles', label: 'Roles', cell: (it) => it.roles.join(', ') },
          { key: 'teams', label: 'Teams', cell: (it) => it.teams.join(', ') },
          { key: 'from', label: 'From', cell: (it) => it.issuer ?? 'the file of people', wide: true },
          { key: 'seen', label: 'Seen', number: true, cell: (it) => <Time at={it.last_seen_at} /> },
        ]}
        empty={
          <Empty title="Nobody is known yet" command="slipway user add ada --role developer --team shop">
            Who logs in, by the file of people or the OpenID provider, is listed here.
          </Empty>
        }
      />
    </Section>
  );
}

function Accounts() {
  const query = useInfiniteQuery({ ...accounts, ...useLive(10) });
  const may = useMay('service_account.write');
  const [open, setOpen] = useState<'make' | ['key' | 'disable', Account]>();
  const close = () => setOpen(undefined);
  return (
    <Section
      title="Service accounts"
      flush
      aside={
        <Button small {...may} onClick={() => setOpen('make')}>
          Make an account…
        </Button>
      }
    >
      <PagedTable
        query={query}
        what="service accounts"
        caption="Accounts of programs, by name"
        rowKey={(it) => it.id}
        columns={[
          { key: 'name', label: 'Account', main: true, cell: (it) => it.name },
          {
            key: 'state',
            label: 'Status',
            bare: true,
            cell: (it) => <Status status={it.disabled_at == null ? 'enabled' : 'disabled'} />,
          },
          { key: 'roles', label: 'Roles', cell: (it) => it.roles.join(', ') },
          { key: 'teams', label: 'Teams', cell: (it) => it.teams.join(', ') },
          { key: 'keys', label: 'Keys', number: true, cell: (it) => it.keys },
          { key: 'by', label: 'Made by', cell: (it) => it.created_by, wide: true },
          {
            key: 'do',
            label: 'Action',
            bare: true,
            cell: (it) => (
              <span className="row">
                {it.disabled_at == null && (
                  <Button small kind="quiet" {...may} onClick={() => setOpen(['key', it])}>
                    Make a key…
                  </Button>
                )}
                <Button small kind="quiet" {...may} onClick={() => setOpen(['disable', it])}>
                  {it.disabled_at == null ? 'Disable…' : 'Enable…'}
                </Button>
              </span>
            ),
          },
        ]}
        empty={
          <Empty title="There is no service account" command="slipway service-account create ci --role developer">
            A program that is to outlast whoever set it up has roles and teams of its own.
          </Empty>
        }
      />
      {open === 'make' && <Make onClose={close} />}
      {Array.isArray(open) && open[0] === 'key' && <KeyForm account={open[1].name} onClose={close} />}
      {Array.isArray(open) && open[0] === 'disable' && <Disable of={open[1]} onClose={close} />}
    </Section>
  );
}

function Make({ onClose }: { onClose: () => void }) {
  return (
    <Ask
      title="Make a service account"
      verb="Make it"
      fields={[
        { name: 'name', label: 'What to call it', required: true, placeholder: 'ci' },
        { name: 'roles', label: 'Roles', required: true, placeholder: 'developer' },
        { name: 'teams', label: 'Teams', placeholder: 'shop payments' },
      ]}
      act={(said) =>
        makeAccount({ name: said('name').trim(), roles: listOf(said('roles')), teams: listOf(said('teams')) })
      }
      done={({ name }) => `${name} is there; it is let in by a key`}
      onClose={onClose}
    />
  );
}

function Disable({ of: { name, disabled_at: since }, onClose }: { of: Account; onClose: () => void }) {
  const disabled = since == null;
  return (
    <Ask
      title={disabled ? `Disable ${name}?` : `Enable ${name}?`}
      verb={disabled ? 'Disable it' : 'Enable it'}
      danger={disabled}
      act={() => disableAccount({ name, disabled })}
      done={() => (disabled ? `All keys of ${name} are refused` : `The keys of ${name} work again`)}
      onClose={onClose}
    >
      <p>{disabled ? 'All its keys are refused from the next request on.' : 'Its keys work again.'}</p>
    </Ask>
  );
}
