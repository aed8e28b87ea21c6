import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const batchRoute = createRoute({
  getParentRoute: () => root,
  path: '/batches/$id',
  validateSearch: known(['wave', 'status']),
  component: lazyRouteComponent(() => import('./BatchPage'), 'BatchPage'),
});
