import {
  useId,
  type InputHTMLAttributes,
  type ReactNode,
  type SelectHTMLAttributes,
  type TextareaHTMLAttributes,
} from 'react';

import './field.css';

interface Shared {
  label: string;
  /** What to know while filling it in. */
  hint?: ReactNode;
  /** What is wrong with it. */
  mistake?: string | undefined;
}

function Frame({
  label,
  hint,
  mistake,
  children,
}: Shared & { children: (ids: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true }) => ReactNode }) {
  const id = useId();
  const said = mistake !== undefined || hint !== undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({
        id,
        ...(said ? { 'aria-describedby': `${id}-said` } : {}),
        ...(mistake === undefined ? {} : { 'aria-invalid': true as const }),
      })}
      {said && (
        <div id={`${id}-said`} className="field-said" data-mistake={mistake !== undefined || undefined}>
          {mistake ?? hint}
        </div>
      )}
    </div>
  );
}

/** A line of text. */
export function TextField({ label, hint, mistake, ...input }: Shared & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <Frame label={label} hint={hint} mistake={mistake}>
      {(ids) => <input className="input" autoComplete="off" spellCheck={false} {...input} {...ids} />}
    </Frame>
  );
}

/** Text of several lines. */
export function TextArea({ label, hint, mistake, ...area }: Shared & TextareaHTMLAttributes<HTMLTextAreaElement>) {
  return (
    <Frame label={label} hint={hint} mistake={mistake}>
      {(ids) => <textarea className="input" rows={3} {...area} {...ids} />}
    </Frame>
  );
}

/** One of few. The browser's own control: it is the best one on a phone. */
export function Select({
  label,
  hint,
  mistake,
  options,
  ...select
}: Shared &
  SelectHTMLAttributes<HTMLSelectElement> & { options: readonly (readonly [value: string, word: string])[] }) {
  return (
    <Frame label={label} hint={hint} mistake={mistake}>
      {(ids) => (
        <select className="input" {...select} {...ids}>
          {options.map(([value, word]) => (
            <option key={value} value={value}>
              {word}
            </option>
          ))}
        </select>
      )}
    </Frame>
  );
}

/** Yes or no. */
export function Check({ label, ...input }: { label: ReactNode } & InputHTMLAttributes<HTMLInputElement>) {
  return (
    <label className="check">
      <input type="checkbox" {...input} />
      <span>{label}</span>
    </label>
  );
}
