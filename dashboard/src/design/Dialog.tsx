import { useId, useLayoutEffect, useRef, type ReactNode } from 'react';

import './dialog.css';

/**
 * Something to be answered before one goes on: the browser's own dialog, which holds the focus, ends with Escape, and gives
 * the focus back.
 */
export function Dialog({ open, ...dialog }: Parameters<typeof Shown>[0] & { open: boolean }) {
  return open ? <Shown {...dialog} /> : null;
}

function Shown({
  title,
  onClose,
  wide = false,
  actions,
  children,
}: {
  title: string;
  onClose: () => void;
  wide?: boolean;
  /** The buttons at its end; what goes on comes last. */
  actions?: ReactNode;
  children: ReactNode;
}) {
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const element = dialog.current;
    element?.showModal();
    // Before it is taken away: only a dialog that is closed gives the focus back.
    return () => element?.close();
  }, []);
  return (
    // The role is its own; keys of the page look for it.
    <dialog
      ref={dialog}
      role="dialog"
      className="dialog"
      data-wide={wide || undefined}
      aria-labelledby={id}
      onCancel={(event) => {
        // Not that of a field in it, as one for files has.
        if (event.target !== event.currentTarget) return;
        event.preventDefault();
        onClose();
      }}
      onClose={(event) => {
        if (!event.currentTarget.open) onClose();
      }}
      onPointerDown={(event) => {
        // Beside what is in it, on what lies behind.
        if (event.target === event.currentTarget) onClose();
      }}
    >
      <div className="dialog-box">
        <h2 id={id}>{title}</h2>
        <div className="dialog-body">{children}</div>
        {actions !== undefined && <div className="dialog-actions">{actions}</div>}
      </div>
    </dialog>
  );
}
