import { useEffect, useRef, useState } from 'react';
import uPlot from 'uplot';

import { clockTimes } from './clockTimes';
import { useLooks } from './looks';
import { usePreferences } from '../design/preferences';
import './chart.css';

/** The colours that lines have, by their names among the tokens. */
export type Ink = 'accent' | 'ok' | 'bad' | 'warn' | 'idle';

export interface Line {
  label: string;
  ink: Ink;
  /** One for each time; nothing where nothing is known. */
  values: readonly (number | null)[];
  /** Filled down to 0. */
  area?: boolean;
  dashed?: boolean;
}

/** Something that happened at a time, or from then on, drawn behind the lines. */
export interface ChartMark {
  at: number;
  until: number | undefined;
  ink: Ink;
}

/**
 * Lines over time. Those who do not see them have a table beside (see `History`); the numbers above are those under the
 * pointer, else the newest. Charts of one `sync` show the same moment.
 */
export function Chart({
  title,
  times,
  lines,
  marks,
  say,
  sync,
}: {
  title: string;
  /** Seconds since 1970, one for each value. */
  times: readonly number[];
  lines: readonly Line[];
  marks: readonly ChartMark[];
  /** A value in words. */
  say: (value: number) => string;
  sync: string;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const [at, setAt] = useState<number>();
  const now = useRef({ lines, marks, say });
  const looks = useLooks();
  const { zone } = usePreferences();
  const shape = lines.map(({ label, ink }) => `${label} ${ink}`).join();

  useEffect(() => {
    now.current = { lines, marks, say };
    plot.current?.setData([[...times], ...lines.map(({ values }) => [...values])] as uPlot.AlignedData);
  });

  useEffect(() => {
    const room = box.current;
    if (room === null) return;
    const ink = (name: string) => inkOf(room, name);
    const drawn = new uPlot(
      {
        width: room.clientWidth,
        height: HEIGHT,
        // The last time of the axis is wider than what is drawn above it.
        padding: [8, 24, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, sync: { key: sync } },
        scales: { y: { range: (_, __, most) => [0, most > 0 ? most * 1.08 : 1] } },
        axes: [
          axis(ink, { values: (_, splits) => clockTimes(splits, zone), space: 56, size: 30 }),
          axis(ink, { values: (_, splits) => splits.map((split) => now.current.say(split)), size: 62, space: 28 }),
        ],
        series: [{}, ...now.current.lines.map((line, at) => series(line, ink, () => now.current.lines[at]))],
        hooks: {
          drawClear: [(self) => drawMarks(self, now.current.marks, ink)],
          setCursor: [({ cursor }) => setAt(cursor.idx ?? undefined)],
        },
      },
      [[...times], ...now.current.lines.map(({ values }) => [...values])] as uPlot.AlignedData,
      room,
    );
    plot.current = drawn;
    const watch = new ResizeObserver(() => drawn.setSize({ width: room.clientWidth, height: HEIGHT }));
    watch.observe(room);
    return () => {
      watch.disconnect();
      drawn.destroy();
      plot.current = undefined;
    };
    // What is drawn follows by the effect above; only looks and kinds of lines need another chart.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [shape, looks, zone, sync]);

  const shown = at === undefined || at >= times.length ? times.length - 1 : at;
  return (
    <figure className="chart" aria-label={title}>
      <figcaption>
        <h3>{title}</h3>
        <ul className="chart-lines">
          {lines.map(({ label, ink, values, dashed }) => (
            <li key={label}>
              <span className="chart-ink" data-ink={ink} data-dashed={dashed} aria-hidden="true" />
              {label} <span className="number">{valueOf(values[shown], say)}</span>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={box} className="chart-box" aria-hidden="true" />
    </figure>
  );
}

const HEIGHT = 150;

function valueOf(value: number | null | undefined, say: (value: number) => string): string {
  return value == null ? '–' : say(value);
}

/** A token's colour as the canvas can take it: tokens are words of CSS, which only an element knows how to read. */
function inkOf(element: HTMLElement, name: string): string {
  element.style.color = `var(--${name})`;
  const { color } = getComputedStyle(element);
  element.style.color = '';
  return color;
}

type Inks = (name: string) => string;

function axis(ink: Inks, more: uPlot.Axis): uPlot.Axis {
  const line = { stroke: ink('line'), width: 1 };
  return { stroke: ink('ink-2'), font: '12px system-ui, sans-serif', grid: line, ticks: { ...line, size: 4 }, ...more };
}

function series({ label, ink: name, area, dashed }: Line, ink: Inks, now: () => Line | undefined): uPlot.Series {
  return {
    label,
    stroke: ink(name),
    width: 1.5,
    // Where most is unknown, what is known stands alone and has no line to be seen by.
    points: { show: () => now()?.values.includes(null) ?? false, size: 4, fill: ink(name), width: 0 },
    ...(area === true ? { fill: ink(`${name}-soft`) } : {}),
    ...(dashed === true ? { dash: [5, 4] } : {}),
  };
}

function drawMarks(plot: uPlot, marks: readonly ChartMark[], ink: Inks): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  for (const { at, until, ink: name } of marks) {
    const left = plot.valToPos(at, 'x', true);
    if (until !== undefined) {
      ctx.fillStyle = ink(`${name}-soft`);
      ctx.fillRect(left, bbox.top, Math.max(1, plot.valToPos(until, 'x', true) - left), bbox.height);
    }
    ctx.fillStyle = ink(name);
    ctx.fillRect(left - devicePixelRatio / 2, bbox.top, devicePixelRatio, bbox.height);
  }
  ctx.restore();
}
