import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const runRoute = createRoute({
  getParentRoute: () => root,
  path: '/runs/$id',
  // `step`: the one that is opened. `view`: how the steps are shown.
  validateSearch: known(['step', 'view']),
  component: lazyRouteComponent(() => import('./RunPage'), 'RunPage'),
});
