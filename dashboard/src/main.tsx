import './design/tokens.css';
import './design/reset.css';

import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

import { asProblem } from './api/problem';
import { begin } from './design/preferences';
import { unlessPaused, watch } from './live/live';
import { makeRouter } from './router';

begin();

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // What may pass is asked for again; what was refused is refused again.
      retry: (failures, error) => failures < 2 && asProblem(error).passing,
      staleTime: 1000,
      ...unlessPaused,
    },
  },
});
const router = makeRouter(client);
const follow = watch(client);
follow(window.location.pathname);
router.subscribe('onResolved', ({ toLocation }) => follow(toLocation.pathname));

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
