import { getRouteApi, Link } from '@tanstack/react-router';

import { Page } from '../../design/Page';
import { SETTINGS } from '../../shell/destinations';
import { Integrations } from './Integrations';
import { Keys } from './Keys';
import { Notifications } from './Notifications';
import { People } from './People';
import { Secrets } from './Secrets';
import { Teams } from './Teams';
import { Webhooks } from './Webhooks';
import './settings.css';

const PARTS = {
  keys: Keys,
  teams: Teams,
  people: People,
  secrets: Secrets,
  integrations: Integrations,
  webhooks: Webhooks,
  notifications: Notifications,
} as const;

const route = getRouteApi('/settings');

/** Who is let in, what teams may use, and what Slipway tells others. */
export function SettingsPage() {
  const { tab } = route.useSearch();
  const [key, label] = SETTINGS.find(([name]) => name === tab) ?? SETTINGS[0];
  const Shown = PARTS[key];
  return (
    <Page title={`${label} · Settings`} heading="Settings">
      <nav className="tabs" aria-label="Settings">
        {SETTINGS.map(([name, word]) => (
          <Link key={name} to="/settings" search={{ tab: name }} aria-current={name === key ? 'page' : undefined}>
            {word}
          </Link>
        ))}
      </nav>
      <Shown key={key} />
    </Page>
  );
}
