import type { QueryClient } from '@tanstack/react-query';
import { createRootRouteWithContext } from '@tanstack/react-router';

import { Shell } from './shell/Shell';

/** The route that all pages are below: the shell. */
export const root = createRootRouteWithContext<{ client: QueryClient }>()({ component: Shell });
