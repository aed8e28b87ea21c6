import { useState, type ReactNode } from 'react';

import { useAction } from '../api/action';
import { asProblem } from '../api/problem';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { Check, Select, TextArea, TextField } from './Field';
import { Problem } from './Problem';

/** Something that is asked for in words. */
export interface AskField {
  /** As the api calls it: a mistake that it finds there is shown there. */
  name: string;
  label: string;
  hint?: ReactNode;
  kind?: 'text' | 'long' | 'number' | 'check' | 'password';
  options?: readonly (readonly [value: string, word: string])[];
  required?: boolean;
  placeholder?: string;
  /** What it holds at first; of a `check`, `true` for yes. */
  value?: string;
  /** Left out while what was said elsewhere makes it pointless. */
  when?: (said: Said) => boolean;
}

/** What was said to the field of a name; nothing is an empty text. */
export type Said = (name: string) => string;

/** Why, for those who find it done. */
export const WHY: AskField = { name: 'reason', label: 'Reason, for those who find it so' };

/**
 * What is asked before something is done: what will happen, and what has to be known for it. It stays open with the problem
 * when it does not work.
 */
export function Ask<Answer>({
  title,
  verb,
  fields = [],
  danger = false,
  act,
  done,
  shown,
  onClose,
  children,
}: {
  title: string;
  /** What its button says. */
  verb: string;
  fields?: readonly AskField[];
  danger?: boolean;
  act: (said: Said) => Promise<Answer>;
  /** What came of it, said in the corner. */
  done?: (answer: Answer, said: Said) => string;
  /** What came of it and can be seen this once, as a secret: it takes the place of the question. */
  shown?: (answer: Answer) => ReactNode;
  onClose: () => void;
  children?: ReactNode;
}) {
  const [values, setValues] = useState<Partial<Record<string, string>>>(() =>
    Object.fromEntries(fields.map(({ name, value }) => [name, value])),
  );
  const said: Said = (name) => values[name] ?? '';
  const action = useAction({
    act: () => act(said),
    done: (answer: Answer) => {
      if (shown === undefined) onClose();
      return done?.(answer, said);
    },
    quiet: true,
  });
  const mistakes = action.isError ? asProblem(action.error).errors : [];
  if (action.isSuccess && shown !== undefined) {
    return (
      <Dialog title={title} open onClose={onClose} actions={<Button onClick={onClose}>Close</Button>}>
        {shown(action.data)}
      </Dialog>
    );
  }
  return (
    <Dialog title={title} open onClose={onClose}>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (!action.isPending) action.mutate();
        }}
      >
        {children}
        {fields
          .filter(({ when }) => when?.(said) ?? true)
          .map((field, at) => (
            <Asked
              key={field.name}
              field={field}
              first={at === 0}
              mistake={mistakes.find(({ path }) => path.split('/')[1] === field.name)?.message}
              value={said(field.name)}
              onChange={(value) => setValues({ ...values, [field.name]: value })}
            />
          ))}
        {action.isError && <Problem error={action.error} />}
        <div className="row dialog-end">
          <Button onClick={onClose}>Not now</Button>
          <Button type="submit" kind={danger ? 'danger' : 'primary'} busy={action.isPending}>
            {verb}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function Asked({
  field: { name, label, hint, kind = 'text', options, required = false, placeholder },
  first,
  mistake,
  value,
  onChange,
}: {
  field: AskField;
  first: boolean;
  mistake: string | undefined;
  value: string;
  onChange: (value: string) => void;
}) {
  if (kind === 'check') {
    return (
      <Check
        label={label}
        checked={value === 'true'}
        onChange={(event) => onChange(event.target.checked ? 'true' : '')}
      />
    );
  }
  const shared = {
    label,
    hint,
    mistake,
    name,
    required,
    value,
    autoFocus: first,
    ...(placeholder === undefined ? {} : { placeholder }),
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  };
  if (options !== undefined) return <Select {...shared} options={options} />;
  if (kind === 'long') return <TextArea {...shared} />;
  return <TextField {...shared} type={kind} {...(kind === 'password' ? { autoComplete: 'new-password' } : {})} />;
}

/** Names that were written with commas or spaces between them; none at all when nothing was. */
export function listOf(text: string): string[] {
  return text.split(/[\s,]+/).filter((name) => name !== '');
}
