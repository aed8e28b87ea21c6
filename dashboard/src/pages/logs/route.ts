import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { known } from '../../api/search';
import { root } from '../../root';

export const logsRoute = createRoute({
  getParentRoute: () => root,
  path: '/runs/$id/logs',
  // `step`, `attempt`: which part. `q`, `regex`, `case`: what is looked for. `wrap`, `times`: how lines are shown.
  // Behind `#`: lines that are pointed at, as `L10-L20`.
  validateSearch: known(['step', 'attempt', 'q', 'regex', 'case', 'wrap', 'times']),
  component: lazyRouteComponent(() => import('./LogsPage'), 'LogsPage'),
});
