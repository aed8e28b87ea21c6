import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const goldenPathsRoute = createRoute({
  getParentRoute: () => root,
  path: '/golden-paths',
  validateSearch: known(['words', 'provider']),
  component: lazyRouteComponent(() => import('./GoldenPathsPage'), 'GoldenPathsPage'),
});
