import type { RunDetail, Step } from '../../api/runs';

/** What goes on in a stretch of time. */
export type Doing = 'waiting' | 'queued' | 'pulling' | 'running' | 'retrying' | 'suspended';

/** A stretch of time, in milliseconds. `end` is how it ended, for the last one of a try. */
export interface Stretch {
  from: number;
  to: number;
  doing: Doing;
  end?: string;
}

/** What happened when, of the run as a whole (`step` is none) or of one step. */
export interface Row {
  step: string | undefined;
  status: string;
  stretches: Stretch[];
}

const RUN_MARKS: Record<string, Doing> = {
  'run.claimed': 'running',
  'run.suspended': 'suspended',
  'run.rescued': 'queued',
  'run.handed_back': 'queued',
};

/** The rows of a run's timeline, as of `now`. */
export function rowsOf(run: RunDetail, now: number): Row[] {
  const whole = { step: undefined, status: run.status, stretches: stretchesOfRun(run, now) };
  return [whole, ...run.steps.map((step) => ({ step: step.name, status: step.status, stretches: ofStep(step, now) }))];
}

function stretchesOfRun(run: RunDetail, now: number): Stretch[] {
  const end = time(run.finished_at) ?? now;
  const marks: { at: number; doing: Doing }[] = [{ at: Date.parse(run.created_at), doing: 'waiting' }];
  const started = time(run.started_at);
  const queued = time(run.queued_at);
  if (queued !== undefined && (started === undefined || queued <= started)) marks.push({ at: queued, doing: 'queued' });
  // The history has the last hundred things only; the first claim is known beside it.
  if (started !== undefined) marks.push({ at: started, doing: 'running' });
  for (const { type, at } of run.history) {
    const doing = RUN_MARKS[type];
    if (doing !== undefined) marks.push({ at: Date.parse(at), doing });
  }
  marks.sort((one, other) => one.at - other.at);
  return marks
    .map(({ at, doing }, index) => ({ from: at, to: Math.min(end, marks[index + 1]?.at ?? end), doing }))
    .filter(({ from, to }) => to > from);
}

function ofStep(step: Step, now: number): Stretch[] {
  // What was inherited ran in another run.
  if (step.inherited) return [];
  const stretches: Stretch[] = [];
  let before: number | undefined;
  for (const attempt of [...step.attempts].sort((one, other) => one.number - other.number)) {
    const from = Date.parse(attempt.started_at);
    const to = time(attempt.finished_at) ?? now;
    if (before !== undefined && from > before) stretches.push({ from: before, to: from, doing: 'retrying' });
    const began = Math.min(to, Math.max(from, time(attempt.began_at) ?? (comes(attempt) ? to : from)));
    // The image is fetched, services and files are made ready, until the command begins.
    if (began > from) {
      stretches.push({ from, to: began, doing: 'pulling', ...(began < to ? {} : { end: attempt.status }) });
    }
    if (began < to || began === from) stretches.push({ from: began, to, doing: 'running', end: attempt.status });
    before = to;
  }
  if (before !== undefined && step.status === 'pending') stretches.push({ from: before, to: now, doing: 'retrying' });
  const asked = time(step.started_at);
  if (step.wait != null && step.attempts.length === 0 && asked !== undefined) {
    stretches.push({ from: asked, to: time(step.finished_at) ?? now, doing: 'suspended' });
  }
  return stretches;
}

/** Whether its image is not there, or was not when it was over. */
function comes(attempt: Step['attempts'][number]): boolean {
  return attempt.image !== '' && attempt.image_id == null;
}

function time(at: string | null | undefined): number | undefined {
  return at == null ? undefined : Date.parse(at);
}

/** How times become places, from 0 to 1; long times in which no step ran are drawn short. */
export interface Scale {
  place: (at: number) => number;
  /** The times that are drawn short. */
  gaps: { from: number; to: number }[];
  from: number;
  to: number;
}

/** A time without any step running is drawn as long as this part of the time with one, and so many ms, when it is twice that. */
const IDLE_SHARE = 0.25;
const IDLE_LEAST_MS = 10_000;

/** The scale of these rows. */
export function scaleOf(rows: readonly Row[]): Scale {
  const all = rows.flatMap((row) => row.stretches);
  const from = Math.min(...all.map((stretch) => stretch.from));
  const to = Math.max(...all.map((stretch) => stretch.to), from + 1);
  const busy = union(
    rows
      .filter((row) => row.step !== undefined)
      .flatMap((row) => row.stretches.filter((it) => it.doing === 'running' || it.doing === 'pulling')),
  );
  const worked = busy.reduce((sum, stretch) => sum + stretch.to - stretch.from, 0);
  const longest = Math.max(IDLE_LEAST_MS, worked * IDLE_SHARE);
  const gaps = idle(busy, from, to).filter((gap) => gap.to - gap.from > 2 * longest);

  // How far a time is on a line on which each gap is only as long as the longest one that is not drawn short.
  const along = (at: number) =>
    gaps.reduce((place, gap) => {
      if (at <= gap.from) return place;
      const inside = Math.min(at, gap.to) - gap.from;
      return place - inside + (inside / (gap.to - gap.from)) * longest;
    }, at - from);
  const length = Math.max(1, along(to));
  return { place: (at) => Math.min(1, Math.max(0, along(at) / length)), gaps, from, to };
}

function union(stretches: readonly { from: number; to: number }[]): { from: number; to: number }[] {
  const merged: { from: number; to: number }[] = [];
  for (const { from, to } of [...stretches].sort((one, other) => one.from - other.from)) {
    const last = merged.at(-1);
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to);
    else merged.push({ from, to });
  }
  return merged;
}

function idle(busy: readonly { from: number; to: number }[], from: number, to: number): { from: number; to: number }[] {
  const starts = [from, ...busy.map((stretch) => stretch.to)];
  const ends = [...busy.map((stretch) => stretch.from), to];
  return starts.map((start, at) => ({ from: start, to: ends[at] ?? to })).filter((gap) => gap.to > gap.from);
}

/** The rows that have something to be drawn, the run's first; of many steps those that took longest, in their order. */
export function drawn(rows: readonly Row[], most: number): { rows: Row[]; left: number } {
  const [whole, ...steps] = rows.filter((row) => row.stretches.length > 0);
  if (whole === undefined) return { rows: [], left: 0 };
  const length = (row: Row) => row.stretches.reduce((sum, stretch) => sum + stretch.to - stretch.from, 0);
  const longest = new Set([...steps].sort((one, other) => length(other) - length(one)).slice(0, most));
  return { rows: [whole, ...steps.filter((row) => longest.has(row))], left: steps.length - longest.size };
}
