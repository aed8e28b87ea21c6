import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const queueRoute = createRoute({
  getParentRoute: () => root,
  path: '/queues/$name',
  validateSearch: known(['span']),
  component: lazyRouteComponent(() => import('./QueuePage'), 'QueuePage'),
});
