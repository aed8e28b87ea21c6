import { expect, test } from 'vitest';

import type { RunDetail } from '../../api/runs';
import { drawn, rowsOf, scaleOf } from './timeline';

const START = Date.UTC(2026, 10, 21, 11, 0, 0);
const at = (seconds: number) => new Date(START + seconds * 1000).toISOString();

/** A run that is queued for 2 s, tries `migrate` twice with 3 s between, and waits an hour for a person. */
const run = {
  status: 'suspended',
  created_at: at(0),
  queued_at: at(1),
  started_at: at(3),
  finished_at: null,
  history: [
    { type: 'run.suspended', at: at(20), actor: 'system', data: {} },
    { type: 'run.claimed', at: at(3), actor: 'system', data: {} },
  ],
  steps: [
    {
      name: 'migrate',
      status: 'completed',
      inherited: false,
      started_at: at(4),
      finished_at: at(19),
      attempts: [
        {
          number: 1,
          status: 'failed',
          image: 'psql',
          image_id: 'sha256:1',
          started_at: at(4),
          began_at: at(7),
          finished_at: at(8),
        },
        {
          number: 2,
          status: 'completed',
          image: 'psql',
          image_id: 'sha256:1',
          started_at: at(11),
          began_at: null,
          finished_at: at(19),
        },
      ],
    },
    {
      name: 'confirm',
      status: 'waiting',
      inherited: false,
      started_at: at(20),
      finished_at: null,
      attempts: [],
      wait: { kind: 'approval' },
    },
    { name: 'ship', status: 'pending', inherited: false, started_at: null, finished_at: null, attempts: [] },
  ],
} as unknown as RunDetail;
const now = START + 3620 * 1000;

const told = (rows: ReturnType<typeof rowsOf>) =>
  rows.map((row) => row.stretches.map((it) => `${it.doing} ${String((it.to - it.from) / 1000)}`));

test('a run is split into waiting, queued, running and suspended; a step into pulling, running and what is between tries', () => {
  expect(told(rowsOf(run, now))).toEqual([
    ['waiting 1', 'queued 2', 'running 17', 'suspended 3600'],
    ['pulling 3', 'running 1', 'retrying 3', 'running 8'],
    ['suspended 3600'],
    [],
  ]);
});

test('a try whose image is still to come is pulling, and one that was over before it came never ran', () => {
  const attempt = { number: 1, status: 'running', image: 'psql', image_id: null, started_at: at(4), began_at: null };
  const step = { name: 'migrate', status: 'running', inherited: false, started_at: at(4) };
  const of = (its: object) =>
    rowsOf({ ...run, steps: [{ ...step, attempts: [{ ...attempt, ...its }] }] } as unknown as RunDetail, now)[1];
  expect(of({ finished_at: null })?.stretches).toMatchObject([{ doing: 'pulling', to: now, end: 'running' }]);
  expect(of({ status: 'failed', finished_at: at(9) })?.stretches).toMatchObject([{ doing: 'pulling', end: 'failed' }]);
  expect(of({ image_id: 'sha256:1', finished_at: null })?.stretches).toMatchObject([{ doing: 'running' }]);
});

test('an hour in which nothing runs takes no more room than ten seconds', () => {
  const scale = scaleOf(rowsOf(run, now));
  expect(scale.gaps).toEqual([{ from: START + 19_000, to: now }]);
  expect(scale.place(START)).toBe(0);
  expect(scale.place(now)).toBe(1);
  expect(scale.place(START + 19_000)).toBeCloseTo(19 / 29);
});

test('places never go back', () => {
  const scale = scaleOf(rowsOf(run, now));
  const places = Array.from({ length: 300 }, (_, step) => scale.place(START + step * 12_000));
  expect([...places].sort((one, other) => one - other)).toEqual(places);
});

test('steps in which nothing happened are not drawn, and of many only the longest', () => {
  expect(drawn(rowsOf(run, now), 9).rows.map((row) => row.step)).toEqual([undefined, 'migrate', 'confirm']);
  expect(drawn(rowsOf(run, now), 1)).toMatchObject({ left: 1, rows: [{}, { step: 'confirm' }] });
});
