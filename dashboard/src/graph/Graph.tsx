import { useMemo, useRef, useState, type ReactNode } from 'react';

import { Button } from '../design/Button';
import { Status, StatusShape, toneOf } from '../design/Status';
import { Table } from '../design/Table';
import { layoutOf, neighbour, NODE_HEIGHT, NODE_WIDTH, type GraphEdge, type GraphNode } from './layout';
import './graph.css';

interface GraphProps {
  /** What is drawn, for those who do not see it. */
  label: string;
  nodes: readonly GraphNode[];
  edges: readonly GraphEdge[];
  selected?: string | undefined;
  onSelect: (id: string) => void;
}

/** A graph as a picture or as a table, whichever `view` says; both show the same and lead to the same. */
export function Graph({
  view,
  onView,
  ...graph
}: GraphProps & { view: 'picture' | 'table'; onView: (view: 'picture' | 'table') => void }) {
  return (
    <div className="graph">
      {view === 'picture' ? <Picture {...graph} /> : <Twin {...graph} />}
      <div className="graph-foot">
        <Button small kind="quiet" onClick={() => onView(view === 'picture' ? 'table' : 'picture')}>
          {view === 'picture' ? 'Show as table' : 'Show as picture'}
        </Button>
        {view === 'picture' && graph.edges.some((edge) => edge.critical) && (
          <span className="graph-legend quiet">
            <svg width="24" height="8" aria-hidden="true">
              <path className="graph-edge" data-critical d="M0 4h24" />
            </svg>
            the chain that decides how long it takes
          </span>
        )}
      </div>
    </div>
  );
}

function Picture({ label, nodes, edges, selected, onSelect }: GraphProps) {
  const layout = useMemo(() => layoutOf(nodes, edges), [nodes, edges]);
  const [reached, setReached] = useState<string>();
  const drawing = useRef<SVGSVGElement>(null);
  // One node can be reached by Tab; arrows go on from there.
  const stop = [reached, selected, nodes[0]?.id].find((id) => nodes.some((node) => node.id === id));

  const go = (id: string) => {
    setReached(id);
    const target = [...(drawing.current?.querySelectorAll<SVGGElement>('[data-id]') ?? [])];
    target.find((node) => node.dataset.id === id)?.focus();
  };

  return (
    <div className="graph-box">
      <svg
        ref={drawing}
        role="group"
        aria-label={`${label}. Arrow keys go from one to the next.`}
        width={layout.width}
        height={layout.height}
      >
        {layout.edges.map(({ edge, path }) => (
          <path key={`${edge.from} ${edge.to}`} className="graph-edge" data-critical={edge.critical} d={path} />
        ))}
        {layout.nodes.map(({ node, x, y }) => (
          <g
            key={node.id}
            className="graph-node"
            role="button"
            aria-pressed={node.id === selected}
            tabIndex={node.id === stop ? 0 : -1}
            data-id={node.id}
            data-tone={toneOf(node.status ?? '')}
            transform={`translate(${x.toFixed(1)} ${y.toFixed(1)})`}
            onClick={() => onSelect(node.id)}
            onFocus={() => setReached(node.id)}
            onKeyDown={(event) => {
              const next = neighbour(layout, edges, node.id, event.key);
              if (next !== undefined) go(next);
              else if (event.key === 'Enter' || event.key === ' ') onSelect(node.id);
              else return;
              event.preventDefault();
            }}
          >
            <rect width={NODE_WIDTH} height={NODE_HEIGHT} rx="6" />
            <Words node={node} />
          </g>
        ))}
      </svg>
    </div>
  );
}

// HTML inside the drawing: it shortens long names by itself, and leaves them whole for those who hear them.
function Words({ node }: { node: GraphNode }) {
  const more = [node.status, node.detail].filter((part) => part !== undefined).join(' · ');
  return (
    <foreignObject width={NODE_WIDTH} height={NODE_HEIGHT}>
      <div className="graph-words" title={node.name}>
        <span className="graph-name">
          {node.status !== undefined && (
            <svg width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
              <StatusShape status={node.status} />
            </svg>
          )}
          <span>{node.name}</span>
        </span>
        <span className="graph-detail">{more}</span>
      </div>
    </foreignObject>
  );
}

function Twin({ label, nodes, edges, selected, onSelect }: GraphProps) {
  const name = (id: string) => nodes.find((node) => node.id === id)?.name;
  const before = (node: GraphNode): ReactNode => {
    const names = edges.filter((edge) => edge.to === node.id).flatMap((edge) => name(edge.from) ?? []);
    return names.length === 0 ? <span className="quiet">nothing</span> : names.join(', ');
  };
  return (
    <Table
      caption={label}
      rows={nodes}
      rowKey={(node) => node.id}
      columns={[
        {
          key: 'name',
          label: 'Name',
          main: true,
          cell: (node) => (
            <button
              type="button"
              className="link"
              data-row=""
              aria-pressed={node.id === selected}
              onClick={() => onSelect(node.id)}
            >
              {node.name}
            </button>
          ),
        },
        { key: 'detail', label: 'What', cell: (node) => node.detail ?? '' },
        {
          key: 'status',
          label: 'Status',
          cell: (node) => (node.status === undefined ? null : <Status status={node.status} />),
        },
        { key: 'after', label: 'After', cell: before },
      ]}
    />
  );
}
