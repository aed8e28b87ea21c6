import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState, type ReactNode } from 'react';

import { useAction } from '../../api/action';
import { useMay } from '../../api/may';
import { newestRuns, revealRun, run as runQuery, type Run, type RunDetail, type Step } from '../../api/runs';
import { Button } from '../../design/Button';
import { Dialog } from '../../design/Dialog';
import { Empty } from '../../design/Empty';
import { Check } from '../../design/Field';
import { Loaded } from '../../design/Loaded';
import { Page, Section } from '../../design/Page';
import { Problem } from '../../design/Problem';
import { Status } from '../../design/Status';
import { rowLink, Table, type Column } from '../../design/Table';
import { Time } from '../../design/Time';
import { lengthOf, short } from '../../design/words';
import { useLive } from '../../live/live';
import { facts, imageOf, lasted, paired, values, type Side } from './differences';
import './compare.css';

const route = getRouteApi('/runs/compare');

/** Two runs side by side: what each was given, did and gave. */
export function ComparePage() {
  const { a, b } = route.useSearch();
  return (
    <Page title="Compare runs" above={<Link to="/runs">Runs</Link>}>
      {a === undefined ? (
        <Section title="Two runs" bare>
          <Empty title="No run is chosen" command="slipway workflow list">
            Open a run, and choose “Compare with another run” there.
          </Empty>
        </Section>
      ) : (
        <First key={a} a={a} b={b} />
      )}
    </Page>
  );
}

function First({ a, b }: { a: string; b: string | undefined }) {
  const query = useQuery({ ...runQuery(a), ...useLive(5) });
  return (
    <Loaded query={query} what="the run" lines={8}>
      {(run) => (b === undefined ? <Choose run={run} /> : <Second key={b} one={run} b={b} />)}
    </Loaded>
  );
}

function Second({ one, b }: { one: RunDetail; b: string }) {
  const query = useQuery({ ...runQuery(b), ...useLive(5) });
  return (
    <Loaded query={query} what="the other run" lines={8}>
      {(other) => <Both one={one} other={other} />}
    </Loaded>
  );
}

/** Runs that a run may be compared with: those of the same workflow. */
function Choose({ run }: { run: RunDetail }) {
  const filter = { workflow: run.workflow, provider: run.provider };
  const query = useQuery({ ...newestRuns(filter, 50), ...useLive(10) });
  const columns: Column<Run>[] = [
    {
      key: 'run',
      label: 'Run',
      main: true,
      cell: (it) => (
        <Link to="/runs/compare" search={{ a: run.id, b: it.id }} {...rowLink}>
          {short(it.id)}
        </Link>
      ),
    },
    { key: 'status', label: 'Status', bare: true, cell: (it) => <Status status={it.status} /> },
    { key: 'for', label: 'For', cell: (it) => it.application ?? it.team },
    { key: 'made', label: 'Made', number: true, cell: (it) => <Time at={it.created_at} /> },
  ];
  return (
    <Section title={`Compare ${run.workflow} ${short(run.id)} with`} flush>
      <Loaded query={query} what="runs of the same workflow">
        {({ items }) => {
          const others = items.filter((it) => it.id !== run.id);
          if (others.length === 0) {
            return (
              <Empty title={`${run.workflow} has run only once`} command={`slipway workflow retry ${run.id}`}>
                There is nothing to compare it with yet.
              </Empty>
            );
          }
          return (
            <Table
              caption={`Runs of ${run.workflow}, newest first`}
              columns={columns}
              rows={others}
              rowKey={(it) => it.id}
            />
          );
        }}
      </Loaded>
    </Section>
  );
}

function Both({ one, other }: { one: RunDetail; other: RunDetail }) {
  const [all, setAll] = useState(false);
  const [asked, setAsked] = useState(false);
  const navigate = route.useNavigate();
  const mayOne = useMay('run.reveal', `run/${one.id}`);
  const mayOther = useMay('run.reveal', `run/${other.id}`);
  const reveal = useAction({
    act: () => Promise.all([revealRun(one.id), revealRun(other.id)]),
    done: () => {
      setAsked(false);
      return 'It is written down in the audit log that you looked';
    },
    quiet: true,
  });
  const [ones, others] = reveal.data ?? [one, other];
  const hidden = ones.inputs == null && others.inputs == null && reveal.data === undefined;
  const heads = [<Head key="one" run={one} />, <Head key="other" run={other} />] as const;
  return (
    <>
      <div className="row compare-tools">
        <Check label="Show what is the same too" checked={all} onChange={(event) => setAll(event.target.checked)} />
        <Button small onClick={() => void navigate({ search: { a: other.id, b: one.id }, replace: true })}>
          Turn round
        </Button>
        <Button small kind="quiet" onClick={() => void navigate({ search: { a: one.id } })}>
          Another run…
        </Button>
      </div>
      <Section title="Runs" flush>
        <Sides what="What is known of both" heads={heads} sides={values(facts(one), facts(other))} all={all} />
      </Section>
      <Section title="Steps" flush>
        <Steps heads={heads} pairs={paired(one.steps, other.steps)} all={all} />
      </Section>
      <Section
        title="Inputs"
        flush
        aside={
          hidden && (
            <Button small {...(mayOne.disabled ? mayOne : mayOther)} onClick={() => setAsked(true)}>
              Show inputs…
            </Button>
          )
        }
      >
        {hidden ? (
          <p className="quiet compare-said">Not shown: they may hold secrets.</p>
        ) : (
          <Sides what="Inputs" heads={heads} sides={values(ones.inputs, others.inputs)} all={all} />
        )}
      </Section>
      <Section title="Outputs" flush>
        <Sides what="Outputs" heads={heads} sides={values(ones.outputs, others.outputs)} all={all} />
      </Section>
      <Dialog
        title="Show what both runs were given?"
        open={asked}
        onClose={() => setAsked(false)}
        actions={
          <>
            <Button onClick={() => setAsked(false)}>Not now</Button>
            <Button kind="primary" busy={reveal.isPending} onClick={() => reveal.mutate()}>
              Show it
            </Button>
          </>
        }
      >
        <p>Secrets among it are shown too. The audit log says that you looked.</p>
        {reveal.isError && <Problem error={reveal.error} />}
      </Dialog>
    </>
  );
}

function Head({ run }: { run: RunDetail }) {
  return (
    <>
      <Link to="/runs/$id" params={{ id: run.id }}>
        {short(run.id)}
      </Link>{' '}
      <Time at={run.created_at} />
    </>
  );
}

type Heads = readonly [ReactNode, ReactNode];

/** Values of both; those that are the same only when somebody wants them. */
function Sides({
  what,
  heads,
  sides,
  all,
}: {
  what: string;
  heads: Heads;
  sides: readonly Side<string>[];
  all: boolean;
}) {
  const shown = sides.filter((side) => all || side.one !== side.other);
  if (shown.length === 0) {
    return <p className="quiet compare-said">{sides.length === 0 ? 'Neither has any.' : 'They are the same.'}</p>;
  }
  return (
    <Grid what={what} heads={heads}>
      {shown.map(({ name, one, other }) => (
        <tr key={name} data-differs={one !== other || undefined}>
          <th scope="row">{name}</th>
          <td>{one ?? <span className="quiet">—</span>}</td>
          <td>{other ?? <span className="quiet">—</span>}</td>
        </tr>
      ))}
    </Grid>
  );
}

function Steps({ heads, pairs, all }: { heads: Heads; pairs: readonly Side<Step>[]; all: boolean }) {
  const differs = ({ one, other }: Side<Step>) => one?.status !== other?.status || imageOf(one) !== imageOf(other);
  const shown = pairs.filter((pair) => all || differs(pair) || lasted(pair.one) !== lasted(pair.other));
  if (shown.length === 0) return <p className="quiet compare-said">They did the same, in the same time.</p>;
  return (
    <Grid what="Steps" heads={heads}>
      {shown.map((pair) => (
        <tr key={pair.name} data-differs={differs(pair) || undefined}>
          <th scope="row">{pair.name}</th>
          <Did step={pair.one} against={undefined} image={imageOf(pair.one) !== imageOf(pair.other)} />
          <Did step={pair.other} against={pair.one} image={imageOf(pair.one) !== imageOf(pair.other)} />
        </tr>
      ))}
    </Grid>
  );
}

/** What became of a step, and how much longer that took than the other. */
function Did({ step, against, image }: { step: Step | undefined; against: Step | undefined; image: boolean }) {
  if (step === undefined) return <td className="quiet">not in it</td>;
  const [took, before] = [lasted(step), lasted(against)];
  const more = took === undefined || before === undefined ? undefined : took - before;
  return (
    <td>
      <span className="row">
        <Status status={step.status} />
        {took !== undefined && <span className="number">{lengthOf(took)}</span>}
        {more !== undefined && Math.abs(more) >= 0.1 && (
          <span className="number quiet">
            ({more > 0 ? '+' : '−'}
            {lengthOf(Math.abs(more))})
          </span>
        )}
        {step.attempts.length > 1 && <span className="quiet">{step.attempts.length} tries</span>}
      </span>
      {step.error_message != null && <span className="cell-2">{step.error_message}</span>}
      {image && imageOf(step) !== undefined && <code className="cell-2">{imageOf(step)}</code>}
    </td>
  );
}

function Grid({ what, heads, children }: { what: string; heads: Heads; children: ReactNode }) {
  return (
    <div className="compare-box" tabIndex={0} role="group" aria-label={what}>
      <table className="compare">
        <caption className="unseen">{what}</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">{heads[0]}</th>
            <th scope="col">{heads[1]}</th>
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
