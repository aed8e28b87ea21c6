import { useEffect, useState, type ReactNode } from 'react';

import { Button } from './Button';
import { Select, TextField } from './Field';

/** A filter: its name in the address, and what may be said. Without `options`: any text. */
export interface Filter<Name extends string> {
  name: Name;
  label: string;
  options?: readonly (readonly [value: string, word: string])[];
  placeholder?: string;
  /** What no choice is called; `any` when nothing is said. */
  none?: string;
  /** Behind “More”, until it is set. */
  rare?: boolean;
}

/**
 * The filters of a list. What they say is in the page's address and nowhere else, so that it can be shared and gone back
 * from; a text counts when Enter is pressed or the field is left.
 */
export function FilterBar<Name extends string>({
  filters,
  values,
  onChange,
}: {
  filters: readonly Filter<Name>[];
  values: Partial<Record<Name, string>>;
  onChange: (values: Partial<Record<Name, string>>) => void;
}) {
  const [all, setAll] = useState(false);
  const set = filters.filter(({ name }) => values[name] !== undefined);
  const hidden = all ? [] : filters.filter(({ name, rare }) => rare === true && values[name] === undefined);
  const change = (name: Name, value: string) => {
    const next: Partial<Record<Name, string>> = { ...values };
    if (value === '') Reflect.deleteProperty(next, name);
    else next[name] = value;
    onChange(next);
  };
  const shown = filters.filter((filter) => !hidden.includes(filter));
  const fields = shown.map(({ name, label, options, placeholder, none = 'any' }, at) =>
    options === undefined ? (
      <TextFilter
        key={name}
        label={label}
        first={at === 0}
        value={values[name] ?? ''}
        {...(placeholder === undefined ? {} : { placeholder })}
        onCommit={(value) => change(name, value)}
      />
    ) : (
      <Select
        key={name}
        label={label}
        options={[['', none], ...options]}
        value={values[name] ?? ''}
        {...(at === 0 ? { 'data-filter': true } : {})}
        onChange={(event) => change(name, event.target.value)}
      />
    ),
  );
  return (
    <search>
      <FoldOnPhones label={set.length === 0 ? 'Filter' : `Filter (${String(set.length)} set)`}>
        <div className="filters">
          {fields}
          <div className="filters-tail">
            {hidden.length > 0 && (
              <Button kind="quiet" onClick={() => setAll(true)}>
                More filters
              </Button>
            )}
            {set.length > 0 && (
              <Button kind="quiet" onClick={() => onChange({})}>
                Clear
              </Button>
            )}
          </div>
        </div>
      </FoldOnPhones>
    </search>
  );
}

const NARROW = '(max-width: 640px)';

function FoldOnPhones({ label, children }: { label: string; children: ReactNode }) {
  const [narrow, setNarrow] = useState(() => matchMedia(NARROW).matches);
  useEffect(() => {
    const media = matchMedia(NARROW);
    const listen = () => setNarrow(media.matches);
    media.addEventListener('change', listen);
    return () => media.removeEventListener('change', listen);
  }, []);
  if (!narrow) return children;
  return (
    <details className="filters-fold">
      <summary>{label}</summary>
      {children}
    </details>
  );
}

function TextFilter({
  label,
  value,
  placeholder,
  first,
  onCommit,
}: {
  label: string;
  value: string;
  placeholder?: string;
  first: boolean;
  onCommit: (value: string) => void;
}) {
  const [text, setText] = useState(value);
  const [shown, setShown] = useState(value);
  // The address changed otherwise: by Clear, or by going back.
  if (shown !== value) {
    setShown(value);
    setText(value);
  }
  const commit = () => {
    if (text.trim() !== value) onCommit(text.trim());
  };
  return (
    <TextField
      label={label}
      type="search"
      value={text}
      {...(placeholder === undefined ? {} : { placeholder })}
      {...(first ? { 'data-filter': true } : {})}
      onChange={(event) => setText(event.target.value)}
      onBlur={commit}
      onKeyDown={(event) => {
        if (event.key === 'Enter') commit();
        if (event.key === 'Escape') event.currentTarget.blur();
      }}
    />
  );
}
