import type { QueryClient } from '@tanstack/react-query';
import { createRouter } from '@tanstack/react-router';

import { parseSearch, stringifySearch } from './api/search';
import { Skeleton } from './design/Empty';
import { applicationRoute } from './pages/application/route';
import { applicationsRoute } from './pages/applications/route';
import { approvalsRoute } from './pages/approvals/route';
import { auditRoute } from './pages/audit/route';
import { batchRoute } from './pages/batch/route';
import { batchesRoute } from './pages/batches/route';
import { bulkRoute } from './pages/bulk/route';
import { compareRoute } from './pages/compare/route';
import { goldenPathRoute } from './pages/goldenPath/route';
import { goldenPathsRoute } from './pages/goldenPaths/route';
import { logsRoute } from './pages/logs/route';
import { overviewRoute } from './pages/overview/route';
import { queueRoute } from './pages/queue/route';
import { queuesRoute } from './pages/queues/route';
import { runRoute } from './pages/run/route';
import { runsRoute } from './pages/runs/route';
import { providerRoute } from './pages/provider/route';
import { providersRoute } from './pages/providers/route';
import { resourceRoute } from './pages/resource/route';
import { resourcesRoute } from './pages/resources/route';
import { settingsRoute } from './pages/settings/route';
import { submitRoute } from './pages/submit/route';
import { workersRoute } from './pages/workers/route';
import { root } from './root';
import { NotFound, PageProblem } from './shell/Failed';

/** Every page, in one place. What is not here cannot be linked to: `Link` knows these paths alone. */
const tree = root.addChildren([
  overviewRoute,
  runsRoute,
  runRoute,
  logsRoute,
  compareRoute,
  submitRoute,
  applicationsRoute,
  applicationRoute,
  resourcesRoute,
  resourceRoute,
  goldenPathsRoute,
  goldenPathRoute,
  providersRoute,
  providerRoute,
  queuesRoute,
  queueRoute,
  workersRoute,
  approvalsRoute,
  auditRoute,
  bulkRoute,
  batchesRoute,
  batchRoute,
  settingsRoute,
]);

/** The router; `client` is what pages ask through. */
export function makeRouter(client: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { client },
    parseSearch,
    stringifySearch,
    defaultPreload: 'intent',
    // Query decides how old an answer may be.
    defaultPreloadStaleTime: 0,
    scrollRestoration: true,
    defaultPendingComponent: () => <Skeleton what="the page" />,
    defaultErrorComponent: PageProblem,
    defaultNotFoundComponent: NotFound,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
