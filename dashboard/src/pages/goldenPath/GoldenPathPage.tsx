import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useMemo } from 'react';

import { goldenPath as goldenPathQuery, type GoldenPathDetail } from '../../api/goldenPaths';
import { newestRuns } from '../../api/runs';
import { Command } from '../../design/Copy';
import { Empty } from '../../design/Empty';
import { Facts } from '../../design/Facts';
import { Loaded } from '../../design/Loaded';
import { Notice } from '../../design/Notice';
import { Page, Section } from '../../design/Page';
import { Table } from '../../design/Table';
import { Length } from '../../design/Time';
import { useLive } from '../../live/live';
import { RUN_COLUMNS } from '../runs/columns';
import { StartForm } from './StartForm';

const route = getRouteApi('/golden-paths/$name');

/** One golden path: what it does, a form for what it takes, and what it did before. */
export function GoldenPathPage() {
  const { name } = route.useParams();
  const { provider } = route.useSearch();
  const query = useQuery(goldenPathQuery(name, provider));
  if (query.data === undefined) {
    return (
      <Page title={name} above={<Link to="/golden-paths">Golden paths</Link>}>
        <Loaded query={query} what="the golden path" lines={10}>
          {() => null}
        </Loaded>
      </Page>
    );
  }
  return <Shown key={`${query.data.provider} ${name}`} path={query.data} />;
}

function Shown({ path: it }: { path: GoldenPathDetail }) {
  return (
    <Page
      title={it.name}
      above={<Link to="/golden-paths">Golden paths</Link>}
      lead={
        <>
          {it.description != null && <span>{it.description}</span>}
          <span>
            of{' '}
            <Link to="/providers/$name" params={{ name: it.provider }} search={{ version: it.provider_version }}>
              {it.provider}
            </Link>{' '}
            <span className="number">{it.provider_version}</span>
          </span>
          {it.estimated_duration != null && (
            <span title={it.estimated_duration.basis}>
              takes <Length seconds={it.estimated_duration.seconds} />
            </span>
          )}
        </>
      }
    >
      {it.unavailable != null && (
        <Notice tone="warn" title="It cannot run on this instance">
          <p>{it.unavailable}</p>
        </Notice>
      )}
      <Section title="Start it">
        <StartForm path={it} />
      </Section>
      <Steps path={it} />
      <Before path={it} />
      <Section title="From elsewhere">
        <Facts
          facts={[
            ['Command line', <Command key="">{it.example.cli}</Command>],
            ['Gives', it.outputs.length === 0 ? 'nothing' : it.outputs.join(', ')],
            ['Tags', it.tags.length === 0 ? undefined : it.tags.join(', ')],
          ]}
        />
      </Section>
    </Page>
  );
}

function Steps({ path: it }: { path: GoldenPathDetail }) {
  const how = (step: GoldenPathDetail['steps'][number]) =>
    [
      step.condition == null ? undefined : `only if ${step.condition}`,
      step.repeated ? 'once for each element of a list' : undefined,
      step.finally ? 'at the end, whatever became of the others' : undefined,
    ].filter((part) => part !== undefined);
  return (
    <Section title="Steps" flush>
      <Table
        caption={`Steps of ${it.name}`}
        rows={it.steps}
        rowKey={(step) => step.name}
        columns={[
          { key: 'name', label: 'Step', main: true, cell: (step) => step.name },
          { key: 'type', label: 'Type', cell: (step) => step.type },
          { key: 'after', label: 'After', cell: (step) => step.depends_on.join(', ') },
          { key: 'how', label: 'When', cell: (step) => how(step).join('; ') },
        ]}
      />
    </Section>
  );
}

const FIRST_RUNS = 5;
const OWN_RUNS = RUN_COLUMNS.filter(({ key }) => key !== 'for' && key !== 'provider');

function Before({ path: it }: { path: GoldenPathDetail }) {
  const filter = useMemo(
    () => ({ workflow: it.name, provider: it.provider, kind: 'golden_path' }),
    [it.name, it.provider],
  );
  const query = useQuery({ ...newestRuns(filter, FIRST_RUNS), ...useLive(5) });
  return (
    <Section
      title="Latest runs"
      flush
      aside={
        <Link to="/runs" search={filter}>
          All its runs
        </Link>
      }
    >
      <Loaded query={query} what="its latest runs" lines={3}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty title="Nobody has started it yet" command={it.example.cli} />
          ) : (
            <Table caption={`Latest runs of ${it.name}`} columns={OWN_RUNS} rows={items} rowKey={(run) => run.id} />
          )
        }
      </Loaded>
    </Section>
  );
}
