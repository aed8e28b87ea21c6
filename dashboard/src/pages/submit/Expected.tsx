import type { ReactNode } from 'react';

import { asProblem } from '../../api/problem';
import type { Planned, Rehearsal } from '../../api/submissions';
import { Command } from '../../design/Copy';
import { Skeleton } from '../../design/Empty';
import { Notice } from '../../design/Notice';
import { Problem } from '../../design/Problem';
import type { Tone } from '../../design/Status';
import { count } from '../../design/words';
import '../../design/table.css';
import { Changes } from '../../score/Changes';

interface Asked {
  data: Rehearsal | undefined;
  error: unknown;
  isError: boolean;
  isFetching: boolean;
  refetch: () => unknown;
}

/** What submitting it would do, or why it cannot be submitted. */
export function Expected({ query, waiting, empty }: { query: Asked; waiting: boolean; empty: boolean }) {
  return (
    <div className="stack" aria-live="polite" aria-busy={waiting || query.isFetching}>
      {empty ? (
        <>
          <p className="quiet">
            Nothing is written yet. What would be made, changed and removed is said here; in a terminal, by
          </p>
          <Command>slipway deploy score.yaml --dry-run</Command>
        </>
      ) : (
        said(query, waiting)
      )}
    </div>
  );
}

function said(query: Asked, waiting: boolean): ReactNode {
  if (query.isError) {
    const { errors } = asProblem(query.error);
    if (errors.length === 0) return <Problem error={query.error} retry={() => void query.refetch()} />;
    // What has a place in the text is said beside it.
    const elsewhere = errors.filter(({ line }) => line == null);
    return (
      <Notice tone="bad" title={`${count(errors.length, 'mistake')} in the file`}>
        {elsewhere.length < errors.length && <p>Marked in the text, and listed below it.</p>}
        {elsewhere.length > 0 && (
          <ul className="stack">
            {elsewhere.map(({ path, message }) => (
              <li key={`${path} ${message}`}>{message}</li>
            ))}
          </ul>
        )}
      </Notice>
    );
  }
  if (query.data === undefined) return <Skeleton what="what it would do" lines={4} />;
  return <Found rehearsal={query.data} old={waiting} />;
}

/** What is done, in the order of what one should know first. */
const KINDS: readonly (readonly [Planned['action'], string, Tone])[] = [
  ['delete', 'Removed', 'bad'],
  ['release', 'Let go of', 'warn'],
  ['create', 'Made', 'ok'],
  ['update', 'Changed', 'info'],
  ['compare', 'Compared', 'idle'],
  ['note', 'Noted', 'idle'],
  ['keep', 'Kept as they are', 'idle'],
];

function Found({ rehearsal, old }: { rehearsal: Rehearsal; old: boolean }) {
  const { application, created, changes, problems, message, notes, warnings } = rehearsal;
  return (
    <div className="stack expected" data-old={old || undefined}>
      <p>
        <strong>{application}</strong> {created ? 'would be a new application' : 'exists'}: {message}
      </p>
      {problems > 0 && (
        <Notice tone="warn" title="It can be submitted, and not all of it can be done">
          <p>What cannot be done would fail, and say why. It is marked below.</p>
        </Notice>
      )}
      {KINDS.map(([action, word, tone]) => {
        const such = changes.filter((change) => change.action === action);
        if (such.length === 0) return null;
        return (
          <section key={action} className="expected-kind" data-tone={tone}>
            <h3>
              {word} <span className="number">{such.length}</span>
            </h3>
            <ul className="expected-list">
              {such.map((change) => (
                <li key={`${change.identity} ${change.action}`}>
                  <One change={change} />
                </li>
              ))}
            </ul>
          </section>
        );
      })}
      {[...notes, ...warnings.flatMap(({ message: text }) => text ?? [])].map((note) => (
        <p key={note} className="quiet">
          {note}
        </p>
      ))}
    </div>
  );
}

function One({ change }: { change: Planned }) {
  return (
    <>
      <strong>{change.name}</strong> <span className="quiet">{change.type}</span>
      {change.workflow !== null && (
        <span className="cell-2">
          by {change.workflow} of {change.provider}
          {change.after.length > 0 && `, after ${change.after.join(', ')}`}
        </span>
      )}
      {change.problem !== null && (
        <span className="why" data-tone="bad">
          {change.problem}
        </span>
      )}
      {change.params.length > 0 && <Changes changes={change.params} label={`What changes of ${change.name}`} />}
    </>
  );
}
