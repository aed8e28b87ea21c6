import { useState } from 'react';

/** Why a query without data has none. A query that is asked again forgets it at first; what is seen must not flicker. */
export function useLastError(query: { error: unknown; data: unknown }): unknown {
  const [last, setLast] = useState<unknown>(null);
  const now = query.data === undefined ? (query.error ?? last) : null;
  if (now !== last) setLast(now);
  return now;
}
