import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const batchesRoute = createRoute({
  getParentRoute: () => root,
  path: '/batches',
  validateSearch: known(['status']),
  component: lazyRouteComponent(() => import('./BatchesPage'), 'BatchesPage'),
});
