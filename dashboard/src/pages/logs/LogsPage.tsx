import { useQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';

import { downloadAddress, type LogSelection } from '../../api/logs';
import { over, run as runQuery, type RunDetail } from '../../api/runs';
import { Command } from '../../design/Copy';
import { Empty, Skeleton } from '../../design/Empty';
import { Loaded } from '../../design/Loaded';
import { Page, Section } from '../../design/Page';
import { Problem } from '../../design/Problem';
import { Status } from '../../design/Status';
import { short } from '../../design/words';
import { useLive } from '../../live/live';
import { useLog, type Log } from '../../logs/useLog';
import { reasonOf } from '../run/reason';
import { LogView } from './LogView';
import { PartChoice } from './PartChoice';

const route = getRouteApi('/runs/$id/logs');

/** The log of a run, or of one step of it. */
export function LogsPage() {
  const { id } = route.useParams();
  const { step, attempt } = route.useSearch();
  const query = useQuery({ ...runQuery(id), ...useLive(5) });
  const number = attempt === undefined ? undefined : Number.parseInt(attempt, 10);
  const selection: LogSelection = {
    ...(step === undefined ? {} : { step }),
    ...(number === undefined || Number.isNaN(number) ? {} : { attempt: number }),
  };
  const run = query.data;
  return (
    <Page
      title={`Log of ${run?.workflow ?? `run ${short(id)}`}`}
      heading={step === undefined ? 'Log' : `Log of ${step}`}
      above={
        <>
          <Link to="/runs">Runs</Link>
          {' / '}
          <Link to="/runs/$id" params={{ id }} search={step === undefined ? {} : { step }}>
            {run?.workflow ?? short(id)}
          </Link>
        </>
      }
      lead={run && <Status status={run.status} />}
      actions={
        <a className="button" href={downloadAddress(id, selection)} download>
          Download
        </a>
      }
    >
      <Loaded query={query} what="the run" lines={10}>
        {(it) => <Part key={`${id} ${step ?? ''} ${attempt ?? ''}`} run={it} selection={selection} />}
      </Loaded>
    </Page>
  );
}

function Part({ run, selection }: { run: RunDetail; selection: LogSelection }) {
  const log = useLog(run.id, selection);
  return (
    <Section title="Lines" flush bare>
      <LogOf run={run} selection={selection} log={log} />
    </Section>
  );
}

/** What is seen of a log, whatever is known of it. */
export function LogOf({ run, selection, log }: { run: RunDetail; selection: LogSelection; log: Log }) {
  const { standing } = log;
  if (!standing.opened) {
    if (standing.problem === undefined) return <Skeleton what="the log" lines={12} />;
    return <Problem error={standing.problem} retry={() => log.source.again()} />;
  }
  if (standing.rows > 0) return <LogView run={run} selection={selection} log={log} />;
  return (
    <>
      <div className="log-tools">
        <PartChoice run={run} />
      </div>
      <Nothing run={run} selection={selection} />
    </>
  );
}

function Nothing({ run, selection }: { run: RunDetail; selection: LogSelection }) {
  const what = selection.step === undefined ? 'It' : `Step ${selection.step}`;
  if (over(run)) {
    return (
      <Empty title={`${what} printed nothing`} command={`slipway workflow get ${run.id}`}>
        {selection.step === undefined ? 'No step of it wrote a line.' : 'It may have been skipped, or inherited.'} What
        became of it:
      </Empty>
    );
  }
  const reason = reasonOf(run);
  return (
    <Empty title={`${what} has printed nothing yet`}>
      {reason === undefined ? 'Lines are shown here as they are written.' : `The run does not go on: ${reason.text}.`}{' '}
      <Command>{`slipway logs ${run.id} --follow`}</Command>
    </Empty>
  );
}
