import type { ReactNode } from 'react';

import { Skeleton } from './Empty';
import { Problem } from './Problem';
import { useLastError } from './useLastError';

interface Asked<T> {
  data: T | undefined;
  error: unknown;
  refetch: () => unknown;
}

/**
 * The one place that decides what is seen of a query: a skeleton while nothing has come, the problem when nothing could,
 * else what came. What came before stays on the page when asking again fails; the badge in the header says that it is old.
 */
export function Loaded<T>({
  query,
  what,
  lines,
  children,
}: {
  query: Asked<T>;
  /** What is loaded, as `the run`. */
  what: string;
  lines?: number;
  children: (data: T) => ReactNode;
}) {
  const error = useLastError(query);
  if (query.data !== undefined) return <>{children(query.data)}</>;
  if (error !== null) return <Problem error={error} retry={() => void query.refetch()} />;
  return <Skeleton what={what} {...(lines === undefined ? {} : { lines })} />;
}
