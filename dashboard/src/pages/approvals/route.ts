import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { APPROVAL_FILTERS } from '../../api/approvals';
import { known } from '../../api/search';
import { root } from '../../root';

export const approvalsRoute = createRoute({
  getParentRoute: () => root,
  path: '/approvals',
  validateSearch: known(APPROVAL_FILTERS),
  component: lazyRouteComponent(() => import('./ApprovalsPage'), 'ApprovalsPage'),
});
