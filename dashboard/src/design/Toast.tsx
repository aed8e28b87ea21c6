import { useSyncExternalStore, type ReactNode } from 'react';

import { asProblem } from '../api/problem';
import { Icon } from './Icon';
import type { Tone } from './Status';
import './toast.css';

interface Toast {
  id: number;
  tone: Tone;
  content: ReactNode;
}

/** As many as can be read; the oldest goes first. */
const MOST = 4;
const STAYS_MS = 6000;

let toasts: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function change(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

/** Says something in the corner. What went wrong stays until it is closed. */
export function say(tone: Tone, content: ReactNode): void {
  const id = ++last;
  change([...toasts, { id, tone, content }].slice(-MOST));
  if (tone !== 'bad') setTimeout(() => close(id), STAYS_MS);
}

/** Says why something did not work. */
export function sayProblem(error: unknown): void {
  const problem = asProblem(error);
  const request = problem.requestId === undefined ? '' : ` (request ${problem.requestId})`;
  say('bad', `${problem.title}: ${problem.detail}${request}`);
}

function close(id: number): void {
  change(toasts.filter((toast) => toast.id !== id));
}

/** Where they are shown. Once, in the shell. */
export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="region" aria-label="Messages" aria-live="polite">
      {shown.map(({ id, tone, content }) => (
        <div key={id} className="toast" data-tone={tone}>
          <div>{content}</div>
          <button type="button" className="copy" aria-label="Close" onClick={() => close(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
