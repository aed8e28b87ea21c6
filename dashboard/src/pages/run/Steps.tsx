import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';

import type { GraphView } from '../../api/graph';
import { runGraph, type RunDetail } from '../../api/runs';
import { Button } from '../../design/Button';
import { Loaded } from '../../design/Loaded';
import { Section } from '../../design/Page';
import { Graph } from '../../graph/Graph';
import type { GraphEdge } from '../../graph/layout';
import { useLive } from '../../live/live';
import { StepDetail } from './StepDetail';

/** The steps of a run: in which order, how each stands, and all about the one that is selected. */
export function Steps({
  run,
  moving,
  selected,
  onSelect,
  view,
  onView,
}: {
  run: RunDetail;
  moving: boolean;
  selected: string | undefined;
  onSelect: (step: string | undefined) => void;
  view: 'picture' | 'table';
  onView: (view: 'picture' | 'table') => void;
}) {
  const live = useLive(5);
  const query = useQuery({ ...runGraph(run.id), ...(moving ? live : {}) });
  const step = run.steps.find((it) => it.name === selected);
  // The graph has ids of its own; steps are known by name here. What it says of them may be older than the run.
  const edges = useMemo(() => edgesOf(query.data, run.id), [query.data, run.id]);
  const nodes = useMemo(
    () => run.steps.map((it) => ({ id: it.name, name: it.name, detail: it.type, status: it.status })),
    [run.steps],
  );
  return (
    <Section title="Steps" flush>
      <Loaded query={query} what="the order of the steps" lines={4}>
        {() => (
          <Graph
            label={`Steps of ${run.workflow}`}
            nodes={nodes}
            edges={edges}
            selected={selected}
            onSelect={onSelect}
            view={view}
            onView={onView}
          />
        )}
      </Loaded>
      {step !== undefined && (
        <section className="opened" id="step" aria-label={`Step ${step.name}`}>
          <header className="section-head">
            <h2>{step.name}</h2>
            <Button small kind="quiet" onClick={() => onSelect(undefined)}>
              Close
            </Button>
          </header>
          <div className="section-body">
            <StepDetail run={run} step={step} />
          </div>
        </section>
      )}
    </Section>
  );
}

/** What comes before what, of this run's own steps. */
function edgesOf(graph: GraphView | undefined, run: string): GraphEdge[] {
  if (graph === undefined) return [];
  const own = new Set(
    graph.edges.filter((edge) => edge.kind === 'contains' && edge.from === `run/${run}`).map((edge) => edge.to),
  );
  const name = new Map(graph.nodes.filter((node) => own.has(node.id)).map((node) => [node.id, node.name]));
  return graph.edges
    .filter((edge) => edge.kind === 'before')
    .flatMap((edge) => {
      const [from, to] = [name.get(edge.from), name.get(edge.to)];
      return from === undefined || to === undefined ? [] : [{ from, to, critical: edge.critical }];
    });
}
