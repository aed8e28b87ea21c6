import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { RESOURCE_FILTERS } from '../../api/resources';
import { known } from '../../api/search';
import { root } from '../../root';

export const resourcesRoute = createRoute({
  getParentRoute: () => root,
  path: '/resources',
  validateSearch: known(RESOURCE_FILTERS),
  component: lazyRouteComponent(() => import('./ResourcesPage'), 'ResourcesPage'),
});
