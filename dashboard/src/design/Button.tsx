import type { ButtonHTMLAttributes } from 'react';

import './button.css';

export interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** `primary`: what one comes to a page for, one of them at most. `danger`: what cannot be taken back. */
  kind?: 'plain' | 'primary' | 'danger' | 'quiet';
  small?: boolean;
  /** What it began is not over: it can be pressed, and does nothing. */
  busy?: boolean;
}

/** A button. It keeps its focus while it is busy, as a disabled one would not. */
export function Button({ kind = 'plain', small = false, busy = false, onClick, className, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      className={className === undefined ? 'button' : `button ${className}`}
      data-kind={kind}
      data-small={small ? true : undefined}
      aria-disabled={busy ? true : undefined}
      aria-busy={busy ? true : undefined}
      onClick={(event) => {
        if (busy) event.preventDefault();
        else onClick?.(event);
      }}
    />
  );
}
