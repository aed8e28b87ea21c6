import { expect, test } from 'vitest';

import { layoutOf, neighbour, NODE_HEIGHT, NODE_WIDTH } from './layout';

const nodes = ['fetch', 'test', 'build', 'ship'].map((id) => ({ id, name: id }));
const edges = [
  { from: 'fetch', to: 'test' },
  { from: 'fetch', to: 'build' },
  { from: 'test', to: 'ship' },
  { from: 'build', to: 'ship' },
  { from: 'build', to: 'nowhere' },
];

test('what comes later is drawn further to the right, and nothing covers anything', () => {
  const layout = layoutOf(nodes, edges);
  const at = (id: string) => layout.nodes.find(({ node }) => node.id === id) ?? { x: NaN, y: NaN };
  expect(at('fetch').x + NODE_WIDTH).toBeLessThan(at('test').x);
  expect(at('test').x + NODE_WIDTH).toBeLessThan(at('ship').x);
  expect(Math.abs(at('test').y - at('build').y)).toBeGreaterThan(NODE_HEIGHT);
  expect(layout.width).toBeGreaterThanOrEqual(at('ship').x + NODE_WIDTH);
});

test('an edge to what is not there is left out', () => {
  expect(layoutOf(nodes, edges).edges).toHaveLength(4);
});

test('arrow keys go along edges, and up and down a column', () => {
  const layout = layoutOf(nodes, edges);
  const [upper, lower] = layout.nodes
    .filter(({ node }) => node.id === 'test' || node.id === 'build')
    .sort((one, other) => one.y - other.y)
    .map(({ node }) => node.id);
  expect(neighbour(layout, edges, 'fetch', 'ArrowRight')).toBe('test');
  expect(neighbour(layout, edges, 'ship', 'ArrowLeft')).toBe('test');
  expect(neighbour(layout, edges, upper ?? '', 'ArrowDown')).toBe(lower);
  expect(neighbour(layout, edges, upper ?? '', 'ArrowUp')).toBeUndefined();
  expect(neighbour(layout, edges, 'fetch', 'ArrowLeft')).toBeUndefined();
});
