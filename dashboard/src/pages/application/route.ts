import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const applicationRoute = createRoute({
  getParentRoute: () => root,
  path: '/applications/$name',
  // `generation`: the one whose changes are shown. `view`: how the graph is shown.
  validateSearch: known(['generation', 'view']),
  component: lazyRouteComponent(() => import('./ApplicationPage'), 'ApplicationPage'),
});
