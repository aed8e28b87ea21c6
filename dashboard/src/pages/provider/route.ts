import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const providerRoute = createRoute({
  getParentRoute: () => root,
  path: '/providers/$name',
  // `version`: the one that is shown. `workflow`: the one that is opened.
  validateSearch: known(['version', 'workflow']),
  component: lazyRouteComponent(() => import('./ProviderPage'), 'ProviderPage'),
});
