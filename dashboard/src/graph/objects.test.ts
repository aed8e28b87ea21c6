import { expect, test } from 'vitest';

import type { GraphView } from '../api/graph';
import { objectsOf, placeOf } from './objects';

const node = (id: string, kind: string, name: string, detail: string | null = null) => ({
  id,
  kind,
  name,
  detail,
  status: kind === 'provider' ? null : 'active',
  critical: false,
});
const edge = (from: string, to: string) => ({ from, to, kind: 'uses', critical: false });
const graph: GraphView = {
  nodes: [
    node('resource/1', 'resource', 'db', 'postgres'),
    node('run/2', 'run', 'create'),
    node('step/3', 'step', 'make'),
  ],
  edges: [edge('resource/1', 'run/2'), edge('run/2', 'step/3')],
  critical_path: { nodes: [], running_s: 0, waiting_s: 0 },
  truncated: false,
};

test('steps are left to the page of their run, with all that leads to them', () => {
  const { nodes, edges } = objectsOf(graph);
  expect(nodes.map(({ id, detail }) => [id, detail])).toEqual([
    ['resource/1', 'postgres'],
    ['run/2', 'run'],
  ]);
  expect(edges).toEqual([{ from: 'resource/1', to: 'run/2' }]);
});

test('every kind of thing leads to its page', () => {
  expect(placeOf(graph.nodes[0])).toEqual({ to: '/resources/$id', params: { id: '1' } });
  expect(placeOf(graph.nodes[1])).toEqual({ to: '/runs/$id', params: { id: '2' } });
  expect(placeOf(node('provider/pg@1.0', 'provider', 'pg', '1.0'))).toEqual({
    to: '/providers/$name',
    params: { name: 'pg' },
    search: { version: '1.0' },
  });
  expect(placeOf(undefined)).toBeUndefined();
});
