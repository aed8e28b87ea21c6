import { Link, Outlet, useNavigate, useRouterState } from '@tanstack/react-router';
import { useEffect, useMemo, useRef, useState } from 'react';

import { Button } from '../design/Button';
import { Icon } from '../design/Icon';
import { Toasts } from '../design/Toast';
import { KeyHelp } from '../keys/KeyHelp';
import { useKeys } from '../keys/keys';
import { LiveBadge } from '../live/LiveBadge';
import { togglePause } from '../live/live';
import { DESTINATIONS } from './destinations';
import { Palette } from './Palette';
import { ThemeSwitch, Who, ZoneSwitch } from './Switches';
import './shell.css';

/** What is round every page: where one can go, how what is seen is seen, and who looks. */
export function Shell() {
  const [open, setOpen] = useState<'palette' | 'help' | 'menu'>();
  const navigate = useNavigate();
  const close = () => setOpen(undefined);
  useKeys(
    useMemo(
      () => ({
        palette: () => setOpen('palette'),
        help: () => setOpen('help'),
        pause: togglePause,
        go: (to) => void navigate({ to }),
      }),
      [navigate],
    ),
  );
  const main = useFocusOnNewPage(close);

  return (
    <div className="shell" data-menu={open === 'menu' || undefined}>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <header className="top">
        <Button
          kind="quiet"
          className="top-menu"
          aria-label="Navigation"
          aria-expanded={open === 'menu'}
          aria-controls="navigation"
          onClick={() => setOpen(open === 'menu' ? undefined : 'menu')}
        >
          <Icon name={open === 'menu' ? 'close' : 'menu'} />
        </Button>
        <Link to="/" className="brand">
          <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="7" fill="var(--accent-strong)" />
            <path d="M6 22h20l-3 5H9zM8 19 22 7l2.6 3L13.5 19z" fill="#fff" />
          </svg>
          <span className="brand-word">Slipway</span>
        </Link>
        <button type="button" className="go-to" onClick={() => setOpen('palette')}>
          <Icon name="search" />
          <span className="go-to-words">Go to…</span>
          <kbd>{/mac/i.test(navigator.userAgent) ? '⌘ K' : 'Ctrl K'}</kbd>
        </button>
        <div className="top-tail">
          <LiveBadge />
          <ZoneSwitch />
          <ThemeSwitch />
          <Button kind="quiet" small aria-label="Keys" title="Keys (?)" onClick={() => setOpen('help')}>
            <Icon name="keyboard" />
          </Button>
        </div>
      </header>
      <nav id="navigation" className="navigation" aria-label="Main">
        <ul>
          {DESTINATIONS.map(({ to, label }) => (
            <li key={to}>
              <Link to={to} activeOptions={{ exact: to === '/', includeSearch: false }}>
                {label}
              </Link>
            </li>
          ))}
        </ul>
        <Who />
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        <Outlet />
      </main>
      <Palette open={open === 'palette'} onClose={close} />
      <KeyHelp open={open === 'help'} onClose={close} />
      <Toasts />
    </div>
  );
}

/** A new page takes the focus, so that a screen reader begins there and the next Tab is in it. */
function useFocusOnNewPage(onChange: () => void) {
  const path = useRouterState({ select: (state) => state.resolvedLocation?.pathname });
  const main = useRef<HTMLElement>(null);
  const before = useRef(path);
  useEffect(() => {
    const moved = before.current !== undefined && before.current !== path;
    before.current = path;
    if (!moved) return;
    onChange();
    main.current?.focus({ preventScroll: true });
    // Only a change of the path is a new page.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [path]);
  return main;
}
