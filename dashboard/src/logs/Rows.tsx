import { useEffect, useImperativeHandle, useLayoutEffect, useRef, useState, type MouseEvent, type Ref } from 'react';

import { exact } from '../design/words';
import { usePreferences } from '../design/preferences';
import type { Folds, Group } from './folds';
import { Row } from './Row';
import { frameOf, heightOf, topFor } from './scroll';
import type { Lines } from './selected';
import type { LogSource, Standing } from './source';
import type { Found } from './useSearch';
import './logs.css';

/** Height of a line that is not broken; what the style sheet says too. */
const ROW = 20;
/** Lines that are all drawn when they are broken: so few may be taller than their number says. */
const ALL = 300;

/** What can be told a list of lines. */
export interface RowsHandle {
  /** Brings a row into sight. */
  show: (row: number, where: 'near' | 'middle') => void;
  end: () => void;
}

/** Lines of a log, of which only those that are seen are there. */
export function Rows({
  ref,
  label,
  source,
  standing,
  folds,
  groups,
  found,
  selected,
  wrap,
  times,
  steps,
  follow,
  onFollow,
  onLine,
  onFold,
}: {
  ref: Ref<RowsHandle>;
  label: string;
  source: LogSource;
  standing: Standing;
  folds: Folds;
  /** The groups by the row they begin in, and whether they are folded. */
  groups: ReadonlyMap<number, { group: Group; folded: boolean }>;
  found: Found;
  selected: Lines | undefined;
  wrap: boolean;
  times: boolean;
  /** Whether lines say which step they are of. */
  steps: boolean;
  /** Whether the end stays in sight. */
  follow: boolean;
  onFollow: (follow: boolean) => void;
  onLine: (cursor: number, more: boolean) => void;
  onFold: (row: number) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const block = useRef<HTMLDivElement>(null);
  const before = useRef(0);
  const [top, setTop] = useState(0);
  const [view, setView] = useState(0);
  const [whole, setWhole] = useState<ReadonlySet<number>>(new Set());
  const { zone } = usePreferences();
  const count = folds.shown(standing.rows);
  const all = wrap && count <= ALL;
  const height = all ? undefined : heightOf(count, ROW);
  const frame = all ? { first: 0, past: count, pivot: 0, share: 0, at: 0 } : frameOf(top, view, count, ROW);
  const seen = Array.from({ length: frame.past - frame.first }, (_, at) => folds.row(frame.first + at));

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setView(element.clientHeight));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => source.want(seen));

  useLayoutEffect(() => {
    const element = box.current;
    if (!follow || element === null) return;
    element.scrollTop = element.scrollHeight;
    // The event for it comes only with the next frame.
    setTop(element.scrollTop);
  }, [follow, count, view, standing]);

  useLayoutEffect(() => {
    const element = block.current;
    if (element === null) return;
    if (all) {
      element.style.transform = '';
      return;
    }
    const index = frame.pivot - frame.first;
    const child = wrap ? element.children.item(index) : null;
    const offset =
      child instanceof HTMLElement ? child.offsetTop + frame.share * child.offsetHeight : (index + frame.share) * ROW;
    element.style.transform = `translateY(${String(top + frame.at - offset)}px)`;
  });

  useImperativeHandle(ref, () => {
    const go = (to: number) => {
      const element = box.current;
      if (element === null) return;
      element.scrollTop = to;
      before.current = element.scrollTop;
      setTop(element.scrollTop);
    };
    return {
      show: (row, where) => {
        const element = box.current;
        if (element === null) return;
        const child = all ? block.current?.children.item(folds.place(row)) : undefined;
        if (child != null) {
          child.scrollIntoView({ block: where === 'near' ? 'nearest' : 'center' });
          return;
        }
        go(topFor(folds.place(row), where, element.scrollTop, element.clientHeight, count, ROW));
      },
      end: () => go(box.current?.scrollHeight ?? 0),
    };
  }, [folds, count, all]);

  const scrolled = () => {
    const element = box.current;
    if (element === null) return;
    const now = element.scrollTop;
    const end = now >= element.scrollHeight - element.clientHeight - 2;
    if (now < before.current && !end && follow) onFollow(false);
    if (end && now > before.current && !follow && !standing.over) onFollow(true);
    before.current = now;
    setTop(now);
  };

  const clicked = (event: MouseEvent) => {
    const on =
      event.target instanceof Element
        ? event.target.closest<HTMLElement>('[data-line], [data-fold], [data-whole]')
        : null;
    if (on === null || event.metaKey || event.ctrlKey) return;
    const { line, fold, whole: long } = on.dataset;
    if (line !== undefined) onLine(Number(line), event.shiftKey);
    if (fold !== undefined) onFold(Number(fold));
    if (long !== undefined) setWhole(new Set([...whole, Number(long)]));
    event.preventDefault();
  };

  const rows = seen.map((row) => {
    const line = source.at(row);
    if (line === undefined) return <div key={row} className="log-line log-blank" />;
    const { cursor } = line;
    return (
      <Row
        key={row}
        line={line}
        match={found.byCursor.get(cursor)}
        current={found.current?.cursor === cursor}
        selected={selected !== undefined && cursor >= selected.first && cursor <= selected.last}
        whole={whole.has(cursor)}
        fold={groups.get(row)}
        time={times ? clockOf(line.at, zone) : undefined}
        step={steps ? line.step : undefined}
      />
    );
  });

  return (
    // Keys scroll what has the focus; lines are chosen by their links, whose clicks are heard here.
    <div
      ref={box}
      className="log"
      role="group"
      aria-label={label}
      tabIndex={0}
      data-wrap={wrap || undefined}
      data-lines={standing.rows}
      onScroll={scrolled}
      onClick={clicked}
    >
      <div className="log-height" style={{ height }} data-all={all || undefined}>
        <div ref={block} className="log-rows">
          {rows}
        </div>
      </div>
    </div>
  );
}

/** `11:30:05.123`, by the clock that was chosen. */
function clockOf(at: string, zone: 'local' | 'utc'): string {
  const time = Date.parse(at);
  return `${exact(time, zone).slice(11, 19)}.${String(time % 1000).padStart(3, '0')}`;
}
