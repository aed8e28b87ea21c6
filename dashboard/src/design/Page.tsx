import { useEffect, type ReactNode } from 'react';

import './page.css';

/** A page: its title (also of the window), what it is about, what can be done, and its parts. */
export function Page({
  title,
  heading,
  above,
  lead,
  actions,
  children,
}: {
  title: string;
  /** The title as it is shown, when it is more than text. */
  heading?: ReactNode;
  /** The way here, above the title. */
  above?: ReactNode;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Slipway`;
  }, [title]);
  return (
    <div className="page">
      <header className="page-head">
        <div className="page-title">
          {above !== undefined && <div className="page-above">{above}</div>}
          <h1>{heading ?? title}</h1>
          {lead !== undefined && <div className="page-lead">{lead}</div>}
        </div>
        {actions !== undefined && <div className="row page-actions">{actions}</div>}
      </header>
      {children}
    </div>
  );
}

/** A part of a page. `flush`: what is in it brings its own margins, as tables do. */
export function Section({
  title,
  aside,
  flush = false,
  bare = false,
  id,
  children,
}: {
  title: string;
  aside?: ReactNode;
  flush?: boolean;
  /** The title is said, not shown: where the page's own says the same. */
  bare?: boolean;
  id?: string;
  children: ReactNode;
}) {
  return (
    <section className="section" aria-label={title} {...(id === undefined ? {} : { id })}>
      {!bare && (
        <header className="section-head">
          <h2>{title}</h2>
          {aside}
        </header>
      )}
      <div className={flush ? 'section-flush' : 'section-body'}>{children}</div>
    </section>
  );
}
