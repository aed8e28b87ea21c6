import { useEffect } from 'react';

/** The keys of the dashboard, as the page about them lists them. */
export const KEYS: readonly (readonly [keys: string, meaning: string])[] = [
  ['j  k', 'Next and previous row of a list'],
  ['Enter', 'Open the row'],
  ['/', 'To the filter'],
  ['Ctrl K  ⌘ K', 'Go to anything'],
  ['g o', 'Go to the overview'],
  ['g r', 'Go to the runs'],
  ['p', 'Stand still, or go on updating'],
  ['n  N', 'In a log: the next match, and the one before'],
  ['f  w  t', 'In a log: follow its end, break long lines, show times'],
  ['?', 'These keys'],
  ['Esc', 'Close what is open'],
];

/** What keys do that are not a page's own. */
export interface KeyActions {
  palette: () => void;
  help: () => void;
  pause: () => void;
  go: (to: '/' | '/runs') => void;
}

/** Whether keys are text there: then they stay text. */
export function writes(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName))
  );
}

/** Listens to keys everywhere. Called once, in the shell. */
export function useKeys(actions: KeyActions): void {
  useEffect(() => {
    let before = '';
    const listen = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        actions.palette();
        return;
      }
      // A dialog has the keys to itself.
      if (event.metaKey || event.ctrlKey || event.altKey || writes(event.target)) return;
      if (document.querySelector('[role=dialog], [role=menu]') !== null) return;
      const after = before;
      before = event.key;
      const act = actionOf(event.key, after, actions);
      if (act === undefined) return;
      event.preventDefault();
      act();
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, [actions]);
}

function actionOf(key: string, before: string, actions: KeyActions): (() => void) | undefined {
  if (before === 'g' && key === 'o') return () => actions.go('/');
  if (before === 'g' && key === 'r') return () => actions.go('/runs');
  switch (key) {
    case 'j':
      return () => step(1);
    case 'k':
      return () => step(-1);
    case '/':
      return toFilter;
    case '?':
      return actions.help;
    case 'p':
      return actions.pause;
    default:
      return undefined;
  }
}

/** Moves the focus to the link of the next or previous row. */
function step(by: 1 | -1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')];
  const at = rows.findIndex((row) => row === document.activeElement);
  const next = at === -1 ? rows[0] : rows[Math.min(rows.length - 1, Math.max(0, at + by))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

function toFilter(): void {
  const filter = document.querySelector<HTMLElement>('main [data-filter]');
  const folded = filter?.closest('details');
  if (folded) folded.open = true;
  filter?.focus();
}
