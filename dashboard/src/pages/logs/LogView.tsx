import { getRouteApi, useRouterState } from '@tanstack/react-router';
import { useEffect, useEffectEvent, useMemo, useRef, useState } from 'react';

import { logLines, type LogSelection } from '../../api/logs';
import type { RunDetail } from '../../api/runs';
import { Button } from '../../design/Button';
import { Notice } from '../../design/Notice';
import { Problem } from '../../design/Problem';
import { say, sayProblem } from '../../design/Toast';
import { count, figure } from '../../design/words';
import { writes } from '../../keys/keys';
import { useLiveState } from '../../live/live';
import { Folds, type Group } from '../../logs/folds';
import { plainText } from '../../logs/Row';
import { Rows, type RowsHandle } from '../../logs/Rows';
import { choose, hashOf, linesOf, type Lines } from '../../logs/selected';
import type { Log } from '../../logs/useLog';
import { useSearch } from '../../logs/useSearch';
import { Foot } from './Foot';
import { PartChoice } from './PartChoice';
import { SearchBox, Switch } from './SearchBox';

const route = getRouteApi('/runs/$id/logs');

/** Lines that are copied at once at most. */
const COPIED = 5000;

/** The lines of a log that has some, and what can be done with them. */
export function LogView({ run, selection, log }: { run: RunDetail; selection: LogSelection; log: Log }) {
  const { source, standing, groups } = log;
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const hash = useRouterState({ select: (state) => state.location.hash });
  const selected = useMemo(() => linesOf(hash), [hash]);
  const { paused } = useLiveState();
  const [following, setFollowing] = useState(!standing.over && selected === undefined);
  const [folded, setFolded] = useState<ReadonlySet<number>>(new Set());
  const [missing, setMissing] = useState<number>();
  const rows = useRef<RowsHandle>(null);
  const narrow = useMemo(() => matchMedia('(max-width: 640px)').matches, []);
  const wrap = search.wrap === undefined ? narrow : search.wrap === 'yes';
  const times = search.times === 'yes';
  const { q = '', regex, case: exactCase } = search;
  const wanted = useMemo(() => ({ q, regex: regex === 'yes', ignoreCase: exactCase !== 'yes' }), [q, regex, exactCase]);
  const found = useSearch(run.id, selection, wanted);

  const folds = useMemo(() => new Folds((groups ?? []).filter(({ first }) => folded.has(first))), [groups, folded]);
  const byRow = useMemo(
    () => new Map((groups ?? []).map((group) => [group.first, { group, folded: folded.has(group.first) }])),
    [groups, folded],
  );

  const change = (part: Partial<typeof search>) =>
    void navigate({ search: (before) => ({ ...before, ...part }), hash: true, replace: true, resetScroll: false });
  const select = (lines: Lines) =>
    void navigate({ search: true, hash: hashOf(lines), replace: true, resetScroll: false });

  /** Unfolds what hides a row, and brings it into sight when that is drawn. */
  const show = useEffectEvent((row: number, where: 'near' | 'middle') => {
    setFollowing(false);
    if (!folds.hides(row)) {
      rows.current?.show(row, where);
      return;
    }
    const hiding = (groups ?? []).filter(({ first, last }) => row > first && row <= last);
    setFolded(new Set([...folded].filter((first) => !hiding.some((group) => group.first === first))));
    requestAnimationFrame(() => rows.current?.show(row, where));
  });

  // Where one comes in: at the lines that the address points at, at the end of what failed or goes on, else at the top.
  const first = selected?.first;
  const pointed = useRef<number>(undefined);
  useEffect(() => {
    if (first === undefined || first === pointed.current) return;
    pointed.current = first;
    source.find(first).then(
      (row) => {
        setMissing(row === undefined ? first : undefined);
        if (row !== undefined) show(row, 'middle');
      },
      (error: unknown) => sayProblem(error),
    );
  }, [first, source]);
  const enters = useEffectEvent(() => {
    if (selected === undefined && standing.over && run.status !== 'completed') rows.current?.end();
  });
  useEffect(() => enters(), []);

  const { current } = found;
  // Lines that the address points at come before what it looks for.
  const skips = useRef(selected !== undefined);
  useEffect(() => {
    if (current === undefined) return;
    if (skips.current) {
      skips.current = false;
      return;
    }
    const frame = requestAnimationFrame(() => show(source.rowOf(current), 'middle'));
    return () => cancelAnimationFrame(frame);
  }, [current, source]);

  const step = useEffectEvent((by: 1 | -1) => {
    const line = selected === undefined ? 1 : selected.last + by;
    if (!source.whole || line < 1 || line > standing.rows) return;
    pointed.current = line;
    select({ first: line, last: line });
    show(line - 1, 'near');
  });
  const pressed = useEffectEvent((key: string): boolean => {
    switch (key) {
      case 'n':
      case 'N':
        found.go(key === 'n' ? 1 : -1);
        return true;
      case 'f':
        setFollowing(!following);
        return true;
      case 'w':
        change({ wrap: wrap ? 'no' : 'yes' });
        return true;
      case 't':
        change({ times: times ? '' : 'yes' });
        return true;
      case 'j':
      case 'k':
        step(key === 'j' ? 1 : -1);
        return true;
      default:
        return false;
    }
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      if (event.metaKey || event.ctrlKey || event.altKey || writes(event.target)) return;
      if (document.querySelector('[role=dialog], [role=menu]') !== null) return;
      if (pressed(event.key)) event.preventDefault();
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);

  return (
    <>
      <div className="log-tools">
        <PartChoice run={run} />
        <SearchBox q={q} regex={wanted.regex} exactCase={!wanted.ignoreCase} found={found} onChange={change} />
        <div className="row">
          {!standing.over && (
            <Switch on={following} title="Keep the end in sight (f)" onPress={() => setFollowing(!following)}>
              Follow
            </Switch>
          )}
          <Switch on={wrap} title="Break long lines (w)" onPress={() => change({ wrap: wrap ? 'no' : 'yes' })}>
            Wrap
          </Switch>
          <Switch
            on={times}
            title="When each line was written (t)"
            onPress={() => change({ times: times ? '' : 'yes' })}
          >
            Times
          </Switch>
          <FoldAll groups={groups} folded={folded} onFold={setFolded} onFind={log.findGroups} />
        </div>
      </div>
      {selected !== undefined && (
        <Selected
          run={run}
          selection={selection}
          lines={selected}
          onClear={() => void navigate({ search: true, hash: '', resetScroll: false })}
        />
      )}
      {missing !== undefined && (
        <Notice tone="warn">
          <p>
            There is no line {figure(missing)} here: it has {count(standing.rows, 'line')}.
          </p>
        </Notice>
      )}
      {standing.problem !== undefined && <Problem error={standing.problem} retry={() => source.again()} />}
      <Rows
        ref={rows}
        label={`Log of ${selection.step ?? run.workflow}, ${count(standing.rows, 'line')}`}
        source={source}
        standing={standing}
        folds={folds}
        groups={byRow}
        found={found}
        selected={selected}
        wrap={wrap}
        times={times}
        steps={selection.step === undefined && run.steps.length > 1}
        follow={following && !paused}
        onFollow={setFollowing}
        onLine={(cursor, more) => {
          const lines = choose(selected, cursor, more);
          // It is in sight: nothing moves.
          pointed.current = lines.first;
          select(lines);
        }}
        onFold={(row) => {
          const next = new Set(folded);
          if (!next.delete(row)) next.add(row);
          setFolded(next);
        }}
      />
      <Foot log={log} />
    </>
  );
}

function FoldAll({
  groups,
  folded,
  onFold,
  onFind,
}: {
  groups: readonly Group[] | undefined;
  folded: ReadonlySet<number>;
  onFold: (folded: ReadonlySet<number>) => void;
  onFind: () => void;
}) {
  if (groups === undefined) {
    return (
      <Button small onClick={onFind}>
        Find groups
      </Button>
    );
  }
  if (groups.length === 0) return null;
  const all = folded.size >= groups.length;
  return (
    <Button small onClick={() => onFold(new Set(all ? [] : groups.map(({ first }) => first)))}>
      {all ? 'Unfold all' : 'Fold all'}
    </Button>
  );
}

/** The lines that the address points at: they can be copied, and the address is their link. */
function Selected({
  run,
  selection,
  lines,
  onClear,
}: {
  run: RunDetail;
  selection: LogSelection;
  lines: Lines;
  onClear: () => void;
}) {
  const many = lines.last - lines.first + 1;
  const copy = async () => {
    const range = await logLines(run.id, { ...selection, from: lines.first, limit: Math.min(COPIED, many) });
    const texts = range.lines.filter((line) => line.cursor <= lines.last).map(plainText);
    await navigator.clipboard.writeText(texts.join('\n'));
    return texts.length;
  };
  return (
    <div className="log-foot log-selected">
      <span className="number">
        {many === 1 ? `Line ${figure(lines.first)}` : `Lines ${figure(lines.first)} to ${figure(lines.last)}`}: the
        address of this page points at {many === 1 ? 'it' : 'them'}
      </span>
      <span className="row">
        <Button
          small
          onClick={() => void copy().then((copied) => say('ok', `${count(copied, 'line')} copied`), sayProblem)}
        >
          Copy text
        </Button>
        <Button small kind="quiet" onClick={onClear}>
          Clear
        </Button>
      </span>
    </div>
  );
}
