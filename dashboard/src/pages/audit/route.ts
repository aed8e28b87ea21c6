import { createRoute, lazyRouteComponent } from '@tanstack/react-router';

import { AUDIT_FILTERS } from '../../api/audit';
import { known } from '../../api/search';
import { root } from '../../root';

export const auditRoute = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  validateSearch: known([...AUDIT_FILTERS, 'entry']),
  component: lazyRouteComponent(() => import('./AuditPage'), 'AuditPage'),
});
