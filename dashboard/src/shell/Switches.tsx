import { useQuery } from '@tanstack/react-query';

import { whoami } from '../api/identity';
import { Button } from '../design/Button';
import { Icon } from '../design/Icon';
import { prefer, usePreferences, type Preferences } from '../design/preferences';

const THEMES = {
  system: { next: 'light', icon: 'system' },
  light: { next: 'dark', icon: 'sun' },
  dark: { next: 'system', icon: 'moon' },
} as const satisfies Record<Preferences['theme'], { next: Preferences['theme']; icon: string }>;

/** Light, dark, or as the system is. */
export function ThemeSwitch() {
  const { theme } = usePreferences();
  const { next, icon } = THEMES[theme];
  const label = `Theme: ${theme}. Change to ${next}`;
  return (
    <Button kind="quiet" small aria-label={label} title={label} onClick={() => prefer({ theme: next })}>
      <Icon name={icon} />
    </Button>
  );
}

/** Whose clock times are told by. */
export function ZoneSwitch() {
  const { zone } = usePreferences();
  const next = zone === 'utc' ? 'local' : 'utc';
  const label = `Times: ${zone === 'utc' ? 'UTC' : 'local'}. Change to ${next === 'utc' ? 'UTC' : 'local'}`;
  return (
    <Button kind="quiet" small aria-label={label} title={label} onClick={() => prefer({ zone: next })}>
      {zone === 'utc' ? 'UTC' : 'Local'}
    </Button>
  );
}

/** Who looks, and the way out. */
export function Who() {
  const { data } = useQuery(whoami);
  if (data === undefined) return null;
  const roles = data.roles.join(', ') || 'no role';
  return (
    <div className="who">
      <a href="/account" className="who-name">
        {data.name}
      </a>
      <span className="quiet">
        {roles}
        {data.teams.length > 0 && ` · ${data.teams.join(', ')}`}
      </span>
      {data.credential.kind === 'session' && (
        <form method="post" action="/logout">
          <button type="submit" className="who-out">
            <Icon name="out" /> Log out
          </button>
        </form>
      )}
    </div>
  );
}
