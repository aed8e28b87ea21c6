import { useRouter, type ErrorComponentProps } from '@tanstack/react-router';

import { Empty } from '../design/Empty';
import { Page } from '../design/Page';
import { Problem } from '../design/Problem';

/** A page that failed by itself: the shell stays. */
export function PageProblem({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  return (
    <Page title="This page has failed">
      <Problem
        error={error}
        retry={() => {
          reset();
          void router.invalidate();
        }}
      />
    </Page>
  );
}

/** An address that means nothing here. */
export function NotFound() {
  return (
    <Page title="There is no such page">
      <Empty title="Nothing is at this address" command="slipway list">
        Press <kbd>Ctrl K</kbd> to go to anything, or choose a page from the navigation. In a terminal, what there is:
      </Empty>
    </Page>
  );
}
