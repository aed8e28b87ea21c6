import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { root } from '../../root';

export const bulkRoute = createRoute({
  getParentRoute: () => root,
  path: '/bulk/$id',
  component: lazyRouteComponent(() => import('./BulkPage'), 'BulkPage'),
});
