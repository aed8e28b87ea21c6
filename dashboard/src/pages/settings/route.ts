import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const settingsRoute = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  validateSearch: known(['tab', 'team', 'opened', 'delivery']),
  component: lazyRouteComponent(() => import('./SettingsPage'), 'SettingsPage'),
});
