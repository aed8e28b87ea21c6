import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const submitRoute = createRoute({
  getParentRoute: () => root,
  path: '/submit',
  // What to begin with: the file that an application has, or had as that generation.
  validateSearch: known(['application', 'generation']),
  component: lazyRouteComponent(() => import('./SubmitPage'), 'SubmitPage'),
});
