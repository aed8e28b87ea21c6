import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const goldenPathRoute = createRoute({
  getParentRoute: () => root,
  path: '/golden-paths/$name',
  // `provider`: which one, when several have a golden path of that name.
  validateSearch: known(['provider']),
  component: lazyRouteComponent(() => import('./GoldenPathPage'), 'GoldenPathPage'),
});
