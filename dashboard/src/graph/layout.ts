import { graphlib, layout as dagre } from '@dagrejs/dagre';

/** One thing of a graph. */
export interface GraphNode {
  id: string;
  name: string;
  /** What it is, below its name. */
  detail?: string | undefined;
  status?: string | undefined;
  /** Whether it is on the chain that decided how long all of it took. */
  critical?: boolean;
}

/** That one thing comes before another. */
export interface GraphEdge {
  from: string;
  to: string;
  critical?: boolean;
}

/** Where things are drawn, in pixels from the left upper corner. */
export interface Layout {
  width: number;
  height: number;
  nodes: { node: GraphNode; x: number; y: number }[];
  edges: { edge: GraphEdge; path: string }[];
}

export const NODE_WIDTH = 164;
export const NODE_HEIGHT = 50;
/** Round the whole. */
const MARGIN = 8;

/** Lays a graph out from left to right. Edges that name nodes which are not there are left out. */
export function layoutOf(nodes: readonly GraphNode[], edges: readonly GraphEdge[]): Layout {
  const graph = new graphlib.Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: 16, ranksep: 36, marginx: MARGIN, marginy: MARGIN });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { width: NODE_WIDTH, height: NODE_HEIGHT });
  const drawn = edges.filter((edge) => graph.hasNode(edge.from) && graph.hasNode(edge.to));
  for (const edge of drawn) graph.setEdge(edge.from, edge.to);
  dagre(graph);

  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  const lines = drawn.map((edge) => ({
    edge,
    points: (graph.edge(edge.from, edge.to) as { points: { x: number; y: number }[] }).points,
  }));
  // Dagre measures nodes; a line that goes round them may leave what it measured.
  const heights = lines.flatMap(({ points }) => points.map(({ y }) => y));
  const top = Math.min(0, ...heights.map((y) => y - MARGIN));
  const bottom = Math.max(height, ...heights.map((y) => y + MARGIN));
  return {
    width: Math.ceil(width),
    height: Math.ceil(bottom - top),
    nodes: nodes.map((node) => {
      const at = graph.node(node.id) as { x: number; y: number };
      return { node, x: at.x - NODE_WIDTH / 2, y: at.y - NODE_HEIGHT / 2 - top };
    }),
    edges: lines.map(({ edge, points }) => ({ edge, path: smooth(points.map(({ x, y }) => ({ x, y: y - top }))) })),
  };
}

/** A line through points, with its corners rounded off. */
function smooth(points: readonly { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  const last = rest.at(-1);
  if (first === undefined || last === undefined) return '';
  const spot = (point: { x: number; y: number }) => `${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
  const bends = rest.slice(0, -1).map((point, at) => {
    const next = rest[at + 1] ?? last;
    return `Q ${spot(point)} ${spot({ x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 })}`;
  });
  return `M ${spot(first)} ${bends.join(' ')} L ${spot(last)}`;
}

/** Where an arrow key leads from a node: along edges sideways, to the next of the same column up and down. */
export function neighbour(layout: Layout, edges: readonly GraphEdge[], from: string, key: string): string | undefined {
  switch (key) {
    case 'ArrowRight':
      return edges.find((edge) => edge.from === from)?.to;
    case 'ArrowLeft':
      return edges.find((edge) => edge.to === from)?.from;
    case 'ArrowDown':
    case 'ArrowUp': {
      const at = layout.nodes.find(({ node }) => node.id === from);
      const column = layout.nodes.filter(({ x }) => x === at?.x).sort((one, other) => one.y - other.y);
      return column[column.findIndex(({ node }) => node.id === from) + (key === 'ArrowDown' ? 1 : -1)]?.node.id;
    }
    case 'Home':
      return layout.nodes[0]?.node.id;
    case 'End':
      return layout.nodes.at(-1)?.node.id;
    default:
      return undefined;
  }
}
