import type { ReactNode } from 'react';

import type { Tone } from './Status';
import './notice.css';

/** Something to know before the rest of the page. */
export function Notice({ tone, title, children }: { tone: Tone; title?: ReactNode; children?: ReactNode }) {
  return (
    <div className="notice" data-tone={tone}>
      {title !== undefined && <p className="notice-title">{title}</p>}
      {children}
    </div>
  );
}
