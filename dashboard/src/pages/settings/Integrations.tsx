import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';

import { useAction } from '../../api/action';
import {
  checkIntegration,
  integrations,
  putIntegration,
  removeIntegration,
  type Integration,
} from '../../api/integrations';
import { useMay } from '../../api/may';
import { Ask, type AskField } from '../../design/Ask';
import { Button } from '../../design/Button';
import { Empty } from '../../design/Empty';
import { Section } from '../../design/Page';
import { PagedTable } from '../../design/Table';
import { Time } from '../../design/Time';
import { useLive } from '../../live/live';

/** Credentials for other systems. */
export function Integrations() {
  const query = useInfiniteQuery({ ...integrations, ...useLive(10) });
  const may = useMay('integration.write');
  const [open, setOpen] = useState<'add' | Integration>();
  const check = useAction({ act: checkIntegration, done: ({ message }) => message });
  return (
    <Section
      title="Credentials"
      flush
      aside={
        <Button small kind="primary" {...may} onClick={() => setOpen('add')}>
          Store a credential…
        </Button>
      }
    >
      <PagedTable
        query={query}
        what="integrations"
        caption="Credentials for other systems, by name"
        rowKey={(it) => it.name}
        tone={(it) => (it.check_error == null ? undefined : 'bad')}
        columns={[
          {
            key: 'name',
            label: 'Integration',
            main: true,
            cell: (it) => (
              <>
                {it.name}
                {it.check_error != null && (
                  <span className="why" data-tone="bad">
                    {it.check_error}
                  </span>
                )}
              </>
            ),
          },
          { key: 'kind', label: 'Kind', cell: (it) => it.kind },
          {
            key: 'settings',
            label: 'For',
            cell: (it) =>
              Object.values(it.settings)
                .filter((value) => typeof value === 'string')
                .join(', '),
          },
          { key: 'version', label: 'Version', number: true, cell: (it) => it.version },
          { key: 'checked', label: 'Tried', number: true, cell: (it) => <Time at={it.checked_at} /> },
          { key: 'by', label: 'Given by', cell: (it) => it.updated_by, wide: true },
          {
            key: 'do',
            label: 'Action',
            bare: true,
            cell: (it) => (
              <span className="row">
                <Button
                  small
                  kind="quiet"
                  busy={check.isPending && check.variables === it.name}
                  {...may}
                  onClick={() => check.mutate(it.name)}
                >
                  Try it
                </Button>
                <Button small kind="quiet" {...may} onClick={() => setOpen(it)}>
                  Remove…
                </Button>
              </span>
            ),
          },
        ]}
        empty={
          <Empty title="No credential is stored" command="slipway integration add forge git host=git.example.org">
            What Slipway shows to Git hosts, registries, clouds and chats. It is tried before it is stored, and shown to
            nobody again.
          </Empty>
        }
      />
      {open === 'add' && <Add onClose={() => setOpen(undefined)} />}
      {typeof open === 'object' && <Remove of={open} onClose={() => setOpen(undefined)} />}
    </Section>
  );
}

const KINDS = {
  git: ['host', 'username', 'repository', 'password'],
  registry: ['host', 'username', 'password'],
  aws: ['region', 'access_key_id', 'secret_access_key'],
  gcp: ['key'],
  azure: ['tenant_id', 'client_id', 'client_secret'],
  chat: ['url'],
} as const;

type Kind = keyof typeof KINDS;
type Part = (typeof KINDS)[Kind][number];

const PARTS: Record<Part, Omit<AskField, 'name' | 'when'>> = {
  host: { label: 'Host', placeholder: 'git.example.org', required: true },
  username: { label: 'User name' },
  repository: { label: 'A repository to try it with', placeholder: 'platform/providers.git' },
  region: { label: 'Region', placeholder: 'eu-central-1', required: true },
  access_key_id: { label: 'Id of the access key', required: true },
  tenant_id: { label: 'Tenant', required: true },
  client_id: { label: 'Application', required: true },
  password: { label: 'Password or token', kind: 'password', required: true },
  secret_access_key: { label: 'Secret access key', kind: 'password', required: true },
  key: { label: 'The key, as JSON', kind: 'long', required: true },
  client_secret: { label: 'Its secret', kind: 'password', required: true },
  url: { label: 'URL of the incoming webhook', kind: 'password', required: true },
};

function isKind(text: string): text is Kind {
  return text in KINDS;
}

function partsOf(kind: string): readonly Part[] {
  return isKind(kind) ? KINDS[kind] : [];
}

function Add({ onClose }: { onClose: () => void }) {
  return (
    <Ask
      title="Store a credential"
      verb="Try it and store it"
      fields={[
        { name: 'name', label: 'What to call it', required: true, placeholder: 'github' },
        {
          name: 'kind',
          label: 'Kind',
          value: 'git',
          options: [
            ['git', 'a Git host'],
            ['registry', 'a registry of images'],
            ['aws', 'Amazon Web Services'],
            ['gcp', 'Google Cloud'],
            ['azure', 'Azure'],
            ['chat', 'a chat'],
          ],
        },
        ...Object.entries(PARTS).map(([name, field]) => ({
          ...field,
          name,
          when: (said: (name: string) => string) => partsOf(said('kind')).some((part) => part === name),
        })),
      ]}
      act={(said) => {
        const kind = said('kind');
        const given = partsOf(kind)
          .map((part) => [part, said(part)] as const)
          .filter(([, text]) => text !== '');
        return putIntegration(said('name').trim(), { kind, ...Object.fromEntries(given) });
      }}
      done={({ message }) => message}
      onClose={onClose}
    >
      <p className="quiet">One of the same name is replaced.</p>
    </Ask>
  );
}

function Remove({ of: { name }, onClose }: { of: Integration; onClose: () => void }) {
  return (
    <Ask
      title={`Remove ${name}?`}
      verb="Remove it"
      danger
      act={() => removeIntegration(name)}
      done={({ message }) => message}
      onClose={onClose}
    >
      <p>It is gone for good. While sources of providers use it, it is not removed.</p>
    </Ask>
  );
}
