import { memo } from 'react';

import type { LogLine, LogMatch } from '../api/logs';
import { marked, spansOf } from './ansi';
import type { Group } from './folds';

/** Units of a line that are drawn before somebody asks for the rest. */
const DRAWN = 2000;

/** A group that begins in a row. */
export interface Fold {
  group: Group;
  folded: boolean;
}

/** A row of a log. Clicks are heard by the list: `data-line` and `data-fold` say on what. */
export const Row = memo(function Row({
  line,
  match,
  current,
  selected,
  whole,
  fold,
  time,
  step,
}: {
  line: LogLine;
  match: LogMatch | undefined;
  /** Whether it is the match that one is at. */
  current: boolean;
  selected: boolean;
  /** Whether all of it is drawn, however long it is. */
  whole: boolean;
  fold: Fold | undefined;
  /** When it was written, if that is shown. */
  time: string | undefined;
  /** Which step wrote it, if that is shown. */
  step: string | undefined;
}) {
  const { cursor, stream, text } = line;
  return (
    <div
      className="log-line"
      data-stream={stream === 'stdout' ? undefined : stream}
      data-ends={text.startsWith('::endgroup::') || undefined}
      data-selected={selected || undefined}
      data-current={current || undefined}
    >
      <a className="log-number" href={`#L${String(cursor)}`} data-line={cursor} tabIndex={-1}>
        {cursor}
      </a>
      {time !== undefined && <span className="log-time">{time}</span>}
      {step !== undefined && (
        <span className="log-step" title={`${step}, try ${String(line.attempt)}`}>
          {step}
        </span>
      )}
      {fold === undefined ? (
        <span className="log-text">
          {stream === 'gap' && <strong>⋯ Lines are missing here: </strong>}
          <Text text={text} match={match} whole={whole} />
          {text.length > DRAWN && !whole && (
            <button type="button" className="log-rest" data-whole={cursor}>
              {text.length - DRAWN} more letters
            </button>
          )}
        </span>
      ) : (
        <button type="button" className="log-fold" data-fold={fold.group.first} aria-expanded={!fold.folded}>
          {fold.folded ? '▸' : '▾'} {fold.group.name || 'Group'}
          {fold.folded && <span className="quiet">{fold.group.last - fold.group.first - 1} lines</span>}
        </button>
      )}
    </div>
  );
});

function Text({ text, match, whole }: { text: string; match: LogMatch | undefined; whole: boolean }) {
  const spans = spansOf(text, whole ? Infinity : DRAWN);
  const parts = match === undefined ? spans : marked(spans, match.places);
  const only = parts[0];
  if (parts.length === 1 && only?.look === '' && only.mark === undefined && !('found' in only)) return only.text;
  return parts.map((part) => {
    const found = 'found' in part && part.found;
    const look = part.mark === undefined ? part.look : 'log-mark';
    const className = found ? `${look} log-found` : look;
    return (
      <span key={part.at} className={className} title={part.mark}>
        {part.text}
      </span>
    );
  });
}

/** The text of a line as it is drawn, to be copied. */
export function plainText(line: Pick<LogLine, 'text'>): string {
  return spansOf(line.text)
    .map((span) => span.text)
    .join('');
}
