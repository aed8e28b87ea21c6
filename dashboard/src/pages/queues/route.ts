import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { root } from '../../root';

export const queuesRoute = createRoute({
  getParentRoute: () => root,
  path: '/queues',
  component: lazyRouteComponent(() => import('./QueuesPage'), 'QueuesPage'),
});
