import { useState } from 'react';

import { Button } from '../../design/Button';
import { TextField } from '../../design/Field';
import { figure } from '../../design/words';
import type { Found } from '../../logs/useSearch';

/** What to look for, how many lines have it, and the way from one to the next. */
export function SearchBox({
  q,
  regex,
  exactCase,
  found,
  onChange,
}: {
  q: string;
  regex: boolean;
  exactCase: boolean;
  found: Found;
  onChange: (search: { q?: string; regex?: string; case?: string }) => void;
}) {
  const [text, setText] = useState(q);
  const [shown, setShown] = useState(q);
  // The address changed otherwise.
  if (shown !== q) {
    setShown(q);
    setText(q);
  }
  const say = (part: { q?: string; regex?: boolean; exactCase?: boolean }) => {
    const next = { q, regex, exactCase, ...part };
    onChange({ q: next.q, regex: next.regex ? 'yes' : '', case: next.exactCase ? 'yes' : '' });
  };
  return (
    <search>
      <TextField
        label="Search the whole log"
        type="search"
        data-filter
        value={text}
        mistake={mistakeOf(found.error)}
        onChange={(event) => {
          setText(event.target.value);
          if (event.target.value === '') say({ q: '' });
        }}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
          if (event.key !== 'Enter') return;
          if (text !== q) say({ q: text });
          else found.go(event.shiftKey ? -1 : 1);
        }}
      />
      <Switch on={regex} title="Search for a pattern" onPress={() => say({ regex: !regex })}>
        .*
      </Switch>
      <Switch
        on={exactCase}
        title="Capital and small letters are different"
        onPress={() => say({ exactCase: !exactCase })}
      >
        Aa
      </Switch>
      {q !== '' && (
        <>
          <Button small aria-label="Match before" title="Match before (N)" onClick={() => found.go(-1)}>
            ↑
          </Button>
          <Button small aria-label="Next match" title="Next match (n)" onClick={() => found.go(1)}>
            ↓
          </Button>
        </>
      )}
      <span className="log-count number" role="status">
        {q === '' ? '' : said(found)}
      </span>
    </search>
  );
}

/** A button that is on or off. */
export function Switch({
  on,
  title,
  onPress,
  children,
}: {
  on: boolean;
  title: string;
  onPress: () => void;
  children: string;
}) {
  return (
    <Button
      className="log-switch"
      small
      aria-pressed={on}
      title={title}
      aria-label={`${children}: ${title}`}
      onClick={onPress}
    >
      {children}
    </Button>
  );
}

function said({ current, at, count, searching, error }: Found): string {
  if (error !== null) return '';
  if (current === undefined) return searching ? 'searching…' : 'no line has it';
  const lines = count === undefined ? 'counting…' : `${count.more ? 'more than ' : ''}${figure(count.lines)}`;
  return `${figure(at)} of ${lines}`;
}

function mistakeOf(error: unknown): string | undefined {
  if (error === null || error === undefined) return undefined;
  return error instanceof Error ? error.message : 'It could not be searched.';
}
