import { useEffect, useId, useRef, useState, type ReactNode } from 'react';

import { Button, type ButtonProps } from './Button';
import './menu.css';

export interface MenuItem {
  label: ReactNode;
  /** What it means, below the label. */
  hint?: ReactNode;
  danger?: boolean;
  onSelect: () => void;
}

/** A button that opens a list of things to do. Arrows, Home, End and Escape work in it as everywhere. */
export function Menu({
  label,
  children,
  items,
  ...button
}: { label: string; items: readonly MenuItem[]; children: ReactNode } & Omit<ButtonProps, 'onClick'>) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const root = useRef<HTMLDivElement>(null);
  const list = useRef<HTMLDivElement>(null);

  const close = (giveBack: boolean) => {
    setOpen(false);
    if (giveBack) root.current?.querySelector('button')?.focus();
  };

  useEffect(() => {
    if (!open) return;
    entries(list.current)[0]?.focus();
    const outside = (event: PointerEvent) => {
      if (event.target instanceof Node && root.current?.contains(event.target) === false) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [open]);

  return (
    <div
      ref={root}
      className="menu"
      onKeyDown={(event) => {
        if (!open) return;
        const all = entries(list.current);
        const at = all.findIndex((entry) => entry === document.activeElement);
        const target = {
          ArrowDown: all[(at + 1) % all.length],
          ArrowUp: all[(at - 1 + all.length) % all.length],
          Home: all[0],
          End: all.at(-1),
        }[event.key];
        if (target !== undefined) {
          event.preventDefault();
          target.focus();
        }
        if (event.key === 'Escape') {
          event.stopPropagation();
          close(true);
        }
        if (event.key === 'Tab') close(false);
      }}
    >
      <Button
        {...button}
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={open}
        {...(open ? { 'aria-controls': id } : {})}
        onClick={() => setOpen(!open)}
      >
        {children}
      </Button>
      {open && (
        <div ref={list} id={id} className="menu-list" role="menu" aria-label={label}>
          {items.map((item, at) => (
            <button
              key={at}
              type="button"
              role="menuitem"
              tabIndex={-1}
              className="menu-item"
              data-danger={item.danger}
              onClick={() => {
                close(true);
                item.onSelect();
              }}
            >
              {item.label}
              {item.hint !== undefined && <span className="cell-2">{item.hint}</span>}
            </button>
          ))}
        </div>
      )}
    </div>
  );
}

function entries(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
}
