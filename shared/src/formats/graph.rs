//! Finds circles among things that need each other.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use petgraph::{algo::tarjan_scc, graph::DiGraph};

/// A circle, its first name repeated at the end: `a`, `b`, `a`. The same one each time, a shortest through the
/// smallest name that is in any circle. Names that are no keys of `edges` count as leaves.
pub(crate) fn find_cycle(edges: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut graph = DiGraph::<&str, ()>::new();
    let nodes: HashMap<&str, _> = edges.keys().map(|name| (name.as_str(), graph.add_node(name.as_str()))).collect();
    for (from, targets) in edges {
        for to in targets {
            if let (Some(&from), Some(&to)) = (nodes.get(from.as_str()), nodes.get(to.as_str())) {
                graph.add_edge(from, to, ());
            }
        }
    }
    let circles = tarjan_scc(&graph)
        .into_iter()
        .filter(|part| part.len() > 1 || part.iter().any(|&node| graph.contains_edge(node, node)));
    let start = circles.flatten().map(|node| graph[node]).min()?;
    let mut came_from: HashMap<&str, &str> = HashMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(at) = queue.pop_front() {
        for next in edges.get(at).into_iter().flatten() {
            if next == start {
                let mut circle = vec![start.to_owned(), at.to_owned()];
                let mut back = at;
                while back != start {
                    back = came_from.get(back)?;
                    circle.push(back.to_owned());
                }
                circle.reverse();
                return Some(circle);
            }
            if !came_from.contains_key(next.as_str()) {
                came_from.insert(next, at);
                queue.push_back(next);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(pairs: &[(&str, &[&str])]) -> BTreeMap<String, BTreeSet<String>> {
        pairs.iter().map(|(from, to)| ((*from).into(), to.iter().map(|name| (*name).into()).collect())).collect()
    }

    #[test]
    fn a_circle_is_told_from_its_first_name_back_to_it() {
        assert_eq!(find_cycle(&edges(&[("a", &["b"]), ("b", &["c"]), ("c", &[])])), None);
        assert_eq!(find_cycle(&edges(&[("a", &["a"])])).unwrap(), ["a", "a"]);
        assert_eq!(find_cycle(&edges(&[("b", &["a"]), ("a", &["b"])])).unwrap(), ["a", "b", "a"]);
        let longer = edges(&[("z", &["y"]), ("x", &["z"]), ("y", &["x", "w"]), ("w", &[])]);
        assert_eq!(find_cycle(&longer).unwrap(), ["x", "z", "y", "x"]);
    }
}
