import type { ReactNode } from 'react';

import { Button } from './Button';
import { Command } from './Copy';

/** Nothing is here, and that is right: `command` is what to type to change it. */
export function Empty({ title, children, command }: { title: string; children?: ReactNode; command?: string }) {
  return (
    <div className="empty">
      <strong>{title}</strong>
      {children !== undefined && <p>{children}</p>}
      {command !== undefined && <Command>{command}</Command>}
    </div>
  );
}

/** Nothing is like what the filters ask for: they can be taken away, and `command` lists all of it elsewhere. */
export function NoneLikeThat({
  what,
  command,
  onClear,
  children = 'Take a filter away, or all of them. The same list in a terminal:',
}: {
  /** What is listed, in the singular. */
  what: string;
  command: string;
  onClear: () => void;
  children?: ReactNode;
}) {
  return (
    <div className="empty">
      <strong>No {what} is like that</strong>
      <p>{children}</p>
      <span className="row">
        <Button small onClick={onClear}>
          Clear the filters
        </Button>
        <Command>{command}</Command>
      </span>
    </div>
  );
}

/** What will be here, while it loads. `what` is said to those who do not see it. */
export function Skeleton({ lines = 6, what }: { lines?: number; what: string }) {
  return (
    <div className="skeleton" role="status" aria-label={`Loading ${what}`}>
      {Array.from({ length: lines }, (_, line) => (
        <span key={line} />
      ))}
    </div>
  );
}
