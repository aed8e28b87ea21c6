import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { getRouteApi } from '@tanstack/react-router';
import { useState } from 'react';

import { whoami } from '../../api/identity';
import { useMay } from '../../api/may';
import { removeSecret, secrets, setSecret, teams, type Secret } from '../../api/teams';
import { Ask } from '../../design/Ask';
import { Button } from '../../design/Button';
import { Empty } from '../../design/Empty';
import { Select } from '../../design/Field';
import { Loaded } from '../../design/Loaded';
import { Section } from '../../design/Page';
import { PagedTable } from '../../design/Table';
import { Time } from '../../design/Time';
import { useLive } from '../../live/live';

const route = getRouteApi('/settings');

/** Secrets of teams and applications: written, never shown. */
export function Secrets() {
  const { team: wanted } = route.useSearch();
  const navigate = route.useNavigate();
  const query = useQuery(teams);
  const who = useQuery(whoami);
  return (
    <Loaded query={query} what="the teams">
      {(items) => {
        const names = items.map(({ name }) => name);
        const team = wanted ?? who.data?.teams[0] ?? names[0] ?? 'default';
        return (
          <OfTeam
            key={team}
            team={team}
            names={names.includes(team) ? names : [team, ...names]}
            onTeam={(next) => void navigate({ search: { tab: 'secrets', team: next } })}
          />
        );
      }}
    </Loaded>
  );
}

function OfTeam({ team, names, onTeam }: { team: string; names: string[]; onTeam: (team: string) => void }) {
  const query = useInfiniteQuery({ ...secrets(team), ...useLive(10) });
  const may = useMay('secret.write', `team/${team}`);
  const [open, setOpen] = useState<'set' | ['set' | 'remove', Secret]>();
  const close = () => setOpen(undefined);
  return (
    <Section
      title={`Secrets of ${team}`}
      flush
      aside={
        <div className="row history-span">
          <Select
            label="Team"
            value={team}
            options={names.map((name) => [name, name] as const)}
            onChange={(event) => onTeam(event.target.value)}
          />
          <Button small kind="primary" {...may} onClick={() => setOpen('set')}>
            Set a secret…
          </Button>
        </div>
      }
    >
      <PagedTable
        query={query}
        what="secrets"
        caption="Secrets, without their values"
        rowKey={(it) => `${it.application ?? ''}/${it.name}`}
        columns={[
          { key: 'name', label: 'Secret', main: true, cell: (it) => <code>{it.name}</code> },
          {
            key: 'for',
            label: 'For',
            cell: (it) => it.application ?? <span className="quiet">every application</span>,
          },
          {
            key: 'where',
            label: 'Kept',
            cell: (it) => (it.source == null ? 'here, sealed' : <code>{it.source}</code>),
          },
          { key: 'version', label: 'Version', number: true, cell: (it) => it.version },
          { key: 'by', label: 'Given by', cell: (it) => it.updated_by, wide: true },
          { key: 'when', label: 'When', number: true, cell: (it) => <Time at={it.updated_at} /> },
          {
            key: 'do',
            label: 'Action',
            bare: true,
            cell: (it) => (
              <span className="row">
                <Button small kind="quiet" {...may} onClick={() => setOpen(['set', it])}>
                  New value…
                </Button>
                <Button small kind="quiet" {...may} onClick={() => setOpen(['remove', it])}>
                  Remove…
                </Button>
              </span>
            ),
          },
        ]}
        empty={
          <Empty title={`${team} has no secret`} command={`slipway secret set STRIPE_KEY --team ${team}`}>
            A secret is named in Score files as {'${secrets.STRIPE_KEY}'}, and shown to nobody.
          </Empty>
        }
      />
      {open === 'set' && <Write team={team} onClose={close} />}
      {Array.isArray(open) && open[0] === 'set' && <Write team={team} of={open[1]} onClose={close} />}
      {Array.isArray(open) && open[0] === 'remove' && <Remove of={open[1]} onClose={close} />}
    </Section>
  );
}

function Write({ team, of, onClose }: { team: string; of?: Secret; onClose: () => void }) {
  const place = of === undefined;
  return (
    <Ask
      title={place ? `Set a secret of ${team}` : `A new value of ${of.name}`}
      verb="Set it"
      fields={[
        { name: 'name', label: 'Name', required: true, placeholder: 'STRIPE_KEY', when: () => place },
        {
          name: 'application',
          label: 'Application',
          hint: 'Without one: every application of the team may name it',
          when: () => place,
        },
        {
          name: 'where',
          label: 'Where the value is',
          options: [
            ['value', 'I give it here'],
            ['source', 'in Vault, or a cloud’s keeper'],
          ],
          value: of?.source == null ? 'value' : 'source',
        },
        {
          name: 'value',
          label: 'Value',
          kind: 'password',
          required: true,
          hint: 'It is sealed, and shown to nobody again',
          when: (said) => said('where') === 'value',
        },
        {
          name: 'source',
          label: 'Source',
          required: true,
          placeholder: 'database#password',
          value: of?.source ?? '',
          when: (said) => said('where') === 'source',
        },
      ]}
      act={(said) =>
        setSecret(
          of ?? { team, application: said('application').trim() || null, name: said('name').trim() },
          said('where') === 'value' ? { value: said('value') } : { source: said('source').trim() },
        )
      }
      done={({ message }) => message}
      onClose={onClose}
    >
      {!place && <p>Resources that name it are compared with what they were made with, and updated.</p>}
    </Ask>
  );
}

function Remove({ of: it, onClose }: { of: Secret; onClose: () => void }) {
  return (
    <Ask
      title={`Remove ${it.name}?`}
      verb="Remove it"
      danger
      act={() => removeSecret(it)}
      done={({ message }) => message}
      onClose={onClose}
    >
      <p>
        Its value is gone for good. While resources of {it.application ?? it.team} name it, it is not removed, and what
        names it is told here.
      </p>
    </Ask>
  );
}
