import { useQuery } from '@tanstack/react-query';
import { useState, type ReactNode } from 'react';

import { history, marks, SPANS, type History as Told, type Mark, type Point } from '../api/overview';
import { Chart, type ChartMark, type Line } from './Chart';
import { Select } from '../design/Field';
import { Loaded } from '../design/Loaded';
import { Section } from '../design/Page';
import { Table, type Column } from '../design/Table';
import { ExactTime } from '../design/Time';
import { figure, lengthOf } from '../design/words';
import { useLive } from '../live/live';
import { Marks } from './Marks';

/** How it went lately, of one queue or of all: drawn, with what people marked, and as a table. */
export function History({
  span = '1h',
  queue,
  onSpan,
}: {
  span: string | undefined;
  queue?: string;
  onSpan: (span: string) => void;
}) {
  const live = useLive(30);
  const query = useQuery({ ...history(span, queue), ...live });
  const marked = useQuery({ ...marks(span), ...live });
  return (
    <Section
      title="History"
      flush
      aside={
        <div className="history-span">
          <Select
            label="History of"
            value={span}
            options={SPANS.map(([name, words]) => [name, words] as const)}
            onChange={(event) => onSpan(event.target.value)}
          />
        </div>
      }
    >
      <Loaded query={query} what="the history" lines={8}>
        {(told) => (
          <>
            <Charts told={told} marks={marked.data ?? []} />
            <Twin points={told.points} />
          </>
        )}
      </Loaded>
      <Marks marks={marked} />
    </Section>
  );
}

const KINDS = { deploy: 'accent', incident: 'bad', note: 'idle' } as const;

function drawn(mark: Mark): ChartMark {
  const seconds = (at: string) => Date.parse(at) / 1000;
  const ink = mark.kind === 'deploy' || mark.kind === 'incident' ? KINDS[mark.kind] : KINDS.note;
  return { at: seconds(mark.at), until: mark.until == null ? undefined : seconds(mark.until), ink };
}

function Charts({ told: { points }, marks }: { told: Told; marks: readonly Mark[] }) {
  const shared = {
    times: points.map(({ at }) => Date.parse(at) / 1000),
    marks: marks.map(drawn),
    sync: 'history',
  };
  const of = (value: (point: Point) => number | null | undefined) => points.map((point) => value(point) ?? null);
  const percentiles = (kind: 'wait' | 'run'): Line[] => [
    { label: 'p50', ink: 'accent', values: of((it) => it[kind]?.p50_s) },
    { label: 'p95', ink: 'warn', values: of((it) => it[kind]?.p95_s) },
    { label: 'p99', ink: 'bad', values: of((it) => it[kind]?.p99_s), dashed: true },
  ];
  const whole = (value: number) => figure(value, Number.isInteger(value) ? 0 : 1);
  return (
    <div className="charts">
      <Chart
        {...shared}
        title="Runs that ended"
        say={whole}
        lines={[
          { label: 'completed', ink: 'ok', values: of((it) => it.completed), area: true },
          { label: 'failed', ink: 'bad', values: of((it) => it.failed), area: true },
          { label: 'cancelled', ink: 'idle', values: of((it) => it.cancelled), dashed: true },
        ]}
      />
      <Chart
        {...shared}
        title="Runs there were"
        say={whole}
        lines={[
          { label: 'waiting', ink: 'warn', values: of((it) => it.waiting), area: true },
          { label: 'in flight', ink: 'accent', values: of((it) => it.in_flight) },
        ]}
      />
      <Chart {...shared} title="Time waited" say={lengthOf} lines={percentiles('wait')} />
      <Chart {...shared} title="Time taken" say={lengthOf} lines={percentiles('run')} />
    </div>
  );
}

const NUMBERS = [
  ['created', 'Made'],
  ['completed', 'Completed'],
  ['failed', 'Failed'],
  ['cancelled', 'Cancelled'],
  ['waiting', 'Waiting'],
  ['in_flight', 'In flight'],
] as const;

const TIMES = (['wait', 'run'] as const).flatMap((kind) =>
  (['p50_s', 'p95_s', 'p99_s'] as const).map((part) => [kind, part] as const),
);

const COLUMNS: readonly Column<Point>[] = [
  { key: 'at', label: 'From', main: true, cell: (point) => <ExactTime at={point.at} /> },
  ...NUMBERS.map(([key, label]) => ({ key, label, number: true, cell: (point: Point) => figure(point[key]) })),
  ...TIMES.map(([kind, part]) => ({
    key: `${kind} ${part}`,
    label: `${kind === 'wait' ? 'Wait' : 'Took'} ${part.slice(0, 3)}`,
    number: true,
    cell: (point: Point): ReactNode => {
      const times = point[kind];
      return times == null ? '–' : lengthOf(times[part]);
    },
  })),
];

/** The same as a table, for those who read or copy numbers: the newest first. */
function Twin({ points }: { points: readonly Point[] }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="fold" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>The same as a table</summary>
      {open && (
        <Table
          caption="History, the newest first"
          columns={COLUMNS}
          rows={points.toReversed()}
          rowKey={(point) => point.at}
        />
      )}
    </details>
  );
}
