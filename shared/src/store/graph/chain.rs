//! The critical path: of all chains of things that come one after another, the longest by measured time.

use std::collections::{HashMap, HashSet};

use super::{
    build::{Of, resource_node, run_node, step_node},
    rows::{Resource, Rows, Run, Step},
    timing::{StepsOf, Timed, Times, before},
};
use crate::domain::ids::{ResourceId, RunId, StepId};

/// Runs below each other that are looked into; the schema allows fewer.
const MAX_DEPTH: usize = 16;

/// Nodes in the order of time, and how long all of them took.
#[derive(Clone, Debug, Default)]
pub(super) struct Chain {
    pub(super) nodes: Vec<String>,
    pub(super) time: Timed,
}

impl Chain {
    fn then(&mut self, other: Self) {
        self.nodes.extend(other.nodes);
        self.time.waiting += other.time.waiting;
        self.time.running += other.time.running;
    }
}

/// The heaviest chain of a graph whose nodes are numbers: `before[n]` come before `n`. What is on a circle, or behind one, is
/// passed over.
pub(super) fn heaviest(weights: &[f64], before: &[Vec<usize>]) -> Vec<usize> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); weights.len()];
    let mut open: Vec<usize> = before.iter().map(Vec::len).collect();
    for (node, firsts) in before.iter().enumerate() {
        firsts.iter().for_each(|&first| after[first].push(node));
    }
    let mut sums: Vec<Option<(f64, Option<usize>)>> = vec![None; weights.len()];
    let mut ready: Vec<usize> = (0..weights.len()).filter(|&node| open[node] == 0).collect();
    while let Some(node) = ready.pop() {
        let heaviest = before[node].iter().filter_map(|&first| Some((sums[first]?.0, first)));
        let best = heaviest.max_by(|a, b| a.0.total_cmp(&b.0));
        sums[node] = Some((weights[node] + best.map_or(0.0, |(sum, _)| sum), best.map(|(_, first)| first)));
        for &next in &after[node] {
            open[next] -= 1;
            if open[next] == 0 {
                ready.push(next);
            }
        }
    }
    let last = (0..weights.len()).filter(|&node| sums[node].is_some());
    let mut at = last.max_by(|&a, &b| sums[a].map(|it| it.0).unwrap_or(0.0).total_cmp(&sums[b].map_or(0.0, |it| it.0)));
    let mut chain = Vec::new();
    while let Some(node) = at {
        chain.push(node);
        at = sums[node].and_then(|(_, first)| first);
    }
    chain.reverse();
    chain
}

/// What the chain is looked for in.
pub(super) struct Search<'a> {
    rows: &'a Rows,
    times: &'a Times,
    steps_of: &'a StepsOf<'a>,
    runs: HashMap<RunId, &'a Run>,
    children: HashMap<StepId, Vec<&'a Run>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(rows: &'a Rows, times: &'a Times, steps_of: &'a StepsOf<'a>) -> Self {
        let mut children: HashMap<StepId, Vec<&Run>> = HashMap::new();
        for run in &rows.runs {
            if let Some(step) = run.parent_step_id {
                children.entry(step).or_default().push(run);
            }
        }
        let runs = rows.runs.iter().map(|run| (run.id, run)).collect();
        Self { rows, times, steps_of, runs, children }
    }

    pub(super) fn critical(&self, of: Of) -> Chain {
        match of {
            Of::Run(root) => self.runs.get(&root).map(|run| self.run(run, 0)).unwrap_or_default(),
            Of::Resource(id) => {
                let resource = self.rows.resources.iter().find(|resource| resource.id == id);
                resource.map(|resource| self.resource(resource, None)).unwrap_or_default()
            }
            Of::Application(_) => self.application(),
        }
    }

    /// The chain of resources whose runs waited for each other.
    fn application(&self) -> Chain {
        let resources = &self.rows.resources;
        let index: HashMap<ResourceId, usize> = resources.iter().enumerate().map(|(n, it)| (it.id, n)).collect();
        let mut firsts: Vec<Vec<usize>> = vec![Vec::new(); resources.len()];
        for (first, then) in &self.rows.needs {
            if let (Some(&first), Some(&then)) = (index.get(first), index.get(then)) {
                firsts[then].push(first);
            }
        }
        let over = |n: usize| self.runs.get(&resources[n].shown_run()?)?.finished_at;
        let chains: Vec<Chain> = resources
            .iter()
            .enumerate()
            .map(|(n, resource)| self.resource(resource, firsts[n].iter().filter_map(|&first| over(first)).max()))
            .collect();
        let weights: Vec<f64> = chains.iter().map(|chain| chain.time.total()).collect();
        let mut whole = Chain::default();
        for n in heaviest(&weights, &firsts) {
            whole.then(chains[n].clone());
        }
        // Where nothing took any time, nothing is critical.
        if whole.time.total() > 0.0 { whole } else { Chain::default() }
    }

    /// A resource and its run, without the time before what it needs was there.
    fn resource(&self, resource: &Resource, needs_over: Option<chrono::DateTime<chrono::Utc>>) -> Chain {
        let Some(run) = resource.shown_run().and_then(|id| self.runs.get(&id)) else { return Chain::default() };
        let mut chain = Chain { nodes: vec![resource_node(resource.id)], time: Timed::default() };
        chain.then(self.run(run, 0));
        let ready = needs_over.map_or(0.0, |over| (over - run.created_at).num_milliseconds() as f64 / 1000.0);
        chain.time.waiting = (chain.time.waiting - ready.max(0.0)).max(0.0);
        chain
    }

    /// A run, and the chain of its steps that decided how long it took.
    fn run(&self, run: &Run, depth: usize) -> Chain {
        let steps = self.steps_of.get(&run.id).map(Vec::as_slice).unwrap_or_default();
        let whole = self.times.runs.get(&run.id).copied().unwrap_or_default();
        let mut chain = Chain { nodes: vec![run_node(run.id)], time: whole };
        let timed: Vec<&Step> = steps
            .iter()
            .copied()
            .filter(|step| step.parent.is_none() && self.times.steps.contains_key(&step.id))
            .collect();
        if timed.is_empty() || depth >= MAX_DEPTH {
            return chain;
        }
        let order = self.rows.orders.get(&run.plan_digest);
        let index: HashMap<&str, usize> = timed.iter().enumerate().map(|(n, step)| (step.name.as_str(), n)).collect();
        let firsts: Vec<Vec<usize>> = timed
            .iter()
            .map(|step| before(step, order).iter().filter_map(|name| index.get(name.as_str()).copied()).collect())
            .collect();
        let weight = |step: &&Step| self.times.steps.get(&step.id).copied().unwrap_or_default().total();
        let weights: Vec<f64> = timed.iter().map(weight).collect();
        let mut running = 0.0;
        for n in heaviest(&weights, &firsts) {
            let inner = self.step(timed[n], steps, depth);
            running += inner.time.running;
            chain.nodes.extend(inner.nodes);
        }
        // What of the run was on no step of the chain is waiting, too: in line, before its first worker.
        let total = whole.total();
        let running = f64::min(running, total);
        chain.time = Timed { waiting: total - running, running };
        chain
    }

    /// A step with the element or the run it started that took longest.
    fn step(&self, step: &Step, siblings: &[&Step], depth: usize) -> Chain {
        let time = self.times.steps.get(&step.id).copied().unwrap_or_default();
        let mut chain = Chain { nodes: vec![step_node(step.id)], time };
        let longest = |chains: Vec<Chain>| chains.into_iter().max_by(|a, b| a.time.total().total_cmp(&b.time.total()));
        let elements = siblings.iter().filter(|it| it.parent.as_deref() == Some(&step.name));
        if let Some(element) = longest(elements.map(|element| self.step(element, &[], depth)).collect()) {
            chain.nodes.extend(element.nodes);
            // A loop of child runs has no tries of its own.
            chain.time.running = chain.time.running.max(element.time.running).min(time.total());
        }
        let children = self.children.get(&step.id).into_iter().flatten();
        if let Some(child) = longest(children.map(|run| self.run(run, depth + 1)).collect()) {
            chain.nodes.extend(child.nodes);
            chain.time.running = chain.time.running.max(child.time.running).min(time.total());
        }
        chain.time.waiting = time.total() - chain.time.running;
        chain
    }
}

/// Pairs of nodes that follow each other on the path.
pub(super) fn pairs(nodes: &[String]) -> HashSet<(&str, &str)> {
    nodes.windows(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_heaviest_chain_is_found_and_circles_are_passed_over() {
        let weights = [1.0, 5.0, 2.0, 1.0, 100.0, 100.0];
        let before = [vec![], vec![0], vec![0], vec![1, 2], vec![5], vec![4]];
        assert_eq!(heaviest(&weights, &before), [0, 1, 3]);
        assert!(heaviest(&[], &[]).is_empty());
    }

    proptest! {
        /// No chain that can be walked weighs more than the one found.
        #[test]
        fn no_walk_is_heavier(weights in prop::collection::vec(0.0..9.0f64, 1..12), edges in prop::collection::vec((0usize..12, 0usize..12), 0..40),
                              turns in prop::collection::vec(0usize..12, 12)) {
            let mut before = vec![Vec::new(); weights.len()];
            for (a, b) in edges {
                let (a, b) = (a % weights.len(), b % weights.len());
                if a < b {
                    before[b].push(a);
                }
            }
            let weigh = |chain: &[usize]| chain.iter().map(|&n| weights[n]).sum::<f64>();
            let found = heaviest(&weights, &before);
            prop_assert!(found.windows(2).all(|pair| before[pair[1]].contains(&pair[0])));
            let mut walk = vec![turns[0] % weights.len()];
            for turn in turns {
                let firsts = &before[walk[walk.len() - 1]];
                if firsts.is_empty() {
                    break;
                }
                walk.push(firsts[turn % firsts.len()]);
            }
            prop_assert!(weigh(&found) >= weigh(&walk) - 1e-9);
        }
    }
}
