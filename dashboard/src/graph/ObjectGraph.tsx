import { useQuery, type UseQueryOptions } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useMemo } from 'react';

import type { GraphView } from '../api/graph';
import { Empty } from '../design/Empty';
import { Loaded } from '../design/Loaded';
import { useLive } from '../live/live';
import { Graph } from './Graph';
import { objectsOf, placeOf } from './objects';

/** How applications, resources, providers and runs hang together; what is chosen is gone to. */
export function ObjectGraph({
  query: options,
  label,
  self,
  view,
  onView,
}: {
  query: UseQueryOptions<GraphView, Error, GraphView, string[]>;
  label: string;
  /** The node that the page is about. */
  self: string | undefined;
  view: 'picture' | 'table';
  onView: (view: 'picture' | 'table') => void;
}) {
  const query = useQuery({ ...options, ...useLive(5) });
  const navigate = useNavigate();
  const { data } = query;
  const { nodes, edges } = useMemo(() => objectsOf(data), [data]);
  const go = (id: string) => {
    const place = placeOf(data?.nodes.find((node) => node.id === id));
    if (place !== undefined) void navigate(place);
  };
  return (
    <Loaded query={query} what="the graph" lines={5}>
      {({ truncated }) => (
        <>
          {nodes.length < 2 ? (
            <Empty title="Nothing hangs on it yet" />
          ) : (
            <Graph
              label={label}
              nodes={nodes}
              edges={edges}
              selected={self}
              onSelect={go}
              view={view}
              onView={onView}
            />
          )}
          {truncated && <p className="table-foot quiet">There is more than is shown here.</p>}
        </>
      )}
    </Loaded>
  );
}
