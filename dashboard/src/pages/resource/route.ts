import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const resourceRoute = createRoute({
  getParentRoute: () => root,
  path: '/resources/$id',
  // `at`: the moment it is shown as it was at. `history`: `all` shows steps too. `view`: how the graph is shown.
  validateSearch: known(['at', 'history', 'view']),
  component: lazyRouteComponent(() => import('./ResourcePage'), 'ResourcePage'),
});
