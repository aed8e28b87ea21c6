import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const overviewRoute = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: known(['span']),
  component: lazyRouteComponent(() => import('./OverviewPage'), 'OverviewPage'),
});
