import type { NavigateOptions } from '@tanstack/react-router';

import type { GraphView } from '../api/graph';
import type { GraphEdge, GraphNode } from './layout';

type Told = GraphView['nodes'][number];

/** What is drawn of a graph of things: all but the steps, which the page of their run shows. */
export function objectsOf(graph: GraphView | undefined): { nodes: GraphNode[]; edges: GraphEdge[] } {
  if (graph === undefined) return { nodes: [], edges: [] };
  const nodes = graph.nodes
    .filter((node) => node.kind !== 'step')
    .map((node) => ({
      id: node.id,
      name: node.name,
      detail: detailOf(node),
      ...(node.status == null ? {} : { status: node.status }),
    }));
  const drawn = new Set(nodes.map(({ id }) => id));
  const edges = graph.edges
    .filter(({ from, to }) => drawn.has(from) && drawn.has(to))
    .map(({ from, to }) => ({ from, to }));
  return { nodes, edges };
}

/** What it is, as short as it can be said: the kind only where nothing else tells it. */
function detailOf({ kind, detail }: Told): string {
  if (detail == null) return kind;
  return kind === 'provider' ? `provider ${detail}` : detail;
}

/** The page of what a node stands for. */
export function placeOf(node: Told | undefined): NavigateOptions | undefined {
  if (node === undefined) return undefined;
  const id = node.id.slice(node.kind.length + 1);
  switch (node.kind) {
    case 'application':
      return { to: '/applications/$name', params: { name: node.name } };
    case 'resource':
      return { to: '/resources/$id', params: { id } };
    case 'run':
      return { to: '/runs/$id', params: { id } };
    case 'provider':
      return {
        to: '/providers/$name',
        params: { name: node.name },
        search: node.detail == null ? {} : { version: node.detail },
      };
    default:
      return undefined;
  }
}
