import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const providersRoute = createRoute({
  getParentRoute: () => root,
  path: '/providers',
  validateSearch: known(['words']),
  component: lazyRouteComponent(() => import('./ProvidersPage'), 'ProvidersPage'),
});
