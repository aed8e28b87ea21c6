import { useState } from 'react';

import { Icon } from './Icon';
import './copy.css';

/** Puts a text into the clipboard. `what` says which text, to those who do not see it. */
export function Copy({ text, what }: { text: string; what: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      className="copy"
      aria-label={copied ? `Copied ${what}` : `Copy ${what}`}
      title={copied ? 'Copied' : 'Copy'}
      onClick={() => {
        void navigator.clipboard.writeText(text).then(() => {
          setCopied(true);
          setTimeout(() => setCopied(false), 1500);
        });
      }}
    >
      <Icon name={copied ? 'check' : 'copy'} />
    </button>
  );
}

/** A command to type, that can be copied. */
export function Command({ children }: { children: string }) {
  return (
    <span className="command">
      <code>{children}</code>
      <Copy text={children} what="the command" />
    </span>
  );
}

/** An id or a digest: shortened to the eye, whole when copied. */
export function Id({ id, shown }: { id: string; shown?: string }) {
  return (
    <span className="id">
      <code title={id}>{shown ?? id}</code>
      <Copy text={id} what={`the id ${id}`} />
    </span>
  );
}
