import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const compareRoute = createRoute({
  getParentRoute: () => root,
  path: '/runs/compare',
  // The two runs, by their ids.
  validateSearch: known(['a', 'b']),
  component: lazyRouteComponent(() => import('./ComparePage'), 'ComparePage'),
});
