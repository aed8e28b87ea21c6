import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const workersRoute = createRoute({
  getParentRoute: () => root,
  path: '/workers',
  validateSearch: known(['stopped', 'worker']),
  component: lazyRouteComponent(() => import('./WorkersPage'), 'WorkersPage'),
});
