import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { RUN_FILTERS } from '../../api/runs';
import { known } from '../../api/search';
import { root } from '../../root';

export const runsRoute = createRoute({
  getParentRoute: () => root,
  path: '/runs',
  validateSearch: known(RUN_FILTERS),
  component: lazyRouteComponent(() => import('./RunsPage'), 'RunsPage'),
});
