import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { APPLICATION_FILTERS } from '../../api/applications';
import { known } from '../../api/search';
import { root } from '../../root';

export const applicationsRoute = createRoute({
  getParentRoute: () => root,
  path: '/applications',
  validateSearch: known(APPLICATION_FILTERS),
  component: lazyRouteComponent(() => import('./ApplicationsPage'), 'ApplicationsPage'),
});
