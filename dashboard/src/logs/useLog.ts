import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';

import { logLines, searchLog, socketAddress, type LogLine, type LogSelection } from '../api/logs';
import { groupsOf, MARKED, markerOf, type Group, type MarkedLine } from './folds';
import { LogSource, type Standing } from './source';
import { Tail, type TailState } from './tail';

/** Lines for which groups are looked for unasked; in longer logs that takes the api a while. */
const UNASKED = 100_000;
/** Answers of as many markers each that are read. */
const ANSWERS = 5;
const MARKERS = 1000;

export interface Log {
  source: LogSource;
  standing: Standing;
  tail: TailState;
  /** Its groups; nothing while they were not looked for. */
  groups: readonly Group[] | undefined;
  findGroups: () => void;
}

/** The log of a run or of a part of it: what is looked at, what is written, and its groups. */
export function useLog(id: string, { step, attempt }: LogSelection): Log {
  const source = useMemo(() => {
    const selection: LogSelection = {
      ...(step === undefined ? {} : { step }),
      ...(attempt === undefined ? {} : { attempt }),
    };
    return new LogSource((query) => logLines(id, query), selection);
  }, [id, step, attempt]);
  const standing = useSyncExternalStore(source.subscribe, () => source.standing);
  const [tail, setTail] = useState<TailState>('resting');
  const [markers, setMarkers] = useState<readonly MarkedLine[]>();
  const { opened, over, rows } = standing;

  const mark = useCallback(
    (lines: readonly LogLine[]) => {
      const found = lines.flatMap((line): MarkedLine[] => {
        const marker = markerOf(line.text);
        const { attempt: number, seq } = line;
        return marker === undefined ? [] : [{ row: source.rowOf(line), step: line.step, attempt: number, seq, marker }];
      });
      if (found.length > 0) setMarkers((before) => (before === undefined ? undefined : [...before, ...found]));
    },
    [source],
  );

  useEffect(() => {
    void source.open();
    return () => source.close();
  }, [source]);

  useEffect(() => {
    if (!opened || over) return;
    const take = (lines: LogLine[]) => mark(source.add(lines));
    const following = new Tail({
      address: () => socketAddress(window.location, id, source.selection, source.cursor),
      take,
      ask: async () => {
        const range = await logLines(id, { ...source.selection, from: source.cursor + 1, limit: 5000 });
        take(range.lines);
        return range.over && range.lines.length === 0;
      },
      finish: () => source.finish(),
      told: setTail,
    });
    following.start();
    return () => following.stop();
  }, [id, source, opened, over, mark]);

  const looked = useRef<LogSource>(undefined);
  const findGroups = useCallback(() => {
    looked.current = source;
    setMarkers([]);
    const search = { q: MARKED, regex: false, ignoreCase: false };
    const read = async () => {
      let from = 1;
      for (let answers = 0; answers < ANSWERS; answers += 1) {
        const found = await searchLog(id, source.selection, search, { from, count: false, limit: MARKERS });
        mark(found.matches);
        if (found.next == null) return;
        from = found.next;
      }
    };
    // Without groups the log is whole all the same.
    read().catch(() => undefined);
  }, [id, source, mark]);

  useEffect(() => {
    if (opened && rows > 0 && rows <= UNASKED && looked.current !== source) findGroups();
  }, [opened, rows, source, findGroups]);

  const groups = useMemo(() => (markers === undefined ? undefined : groupsOf(once(markers))), [markers]);
  return { source, standing, tail: over ? 'over' : tail, groups, findGroups };
}

/** What was searched for and what came live may be the same. */
function once(markers: readonly MarkedLine[]): MarkedLine[] {
  return [...new Map(markers.map((marker) => [marker.row, marker])).values()];
}
