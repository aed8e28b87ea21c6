//! What a batch would do, as people are told.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    domain::{ids::ResourceId, words::count},
    store::{
        Connection, Result,
        batch::{self, Batch, Group, Median},
    },
};

/// Groups that the preview tells of, the largest.
const GROUPS_TOLD: usize = 50;

/// How many have a name in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// The name; empty: they have none.
    pub name: String,
    /// How many.
    pub count: i64,
}

/// Resources that would be done alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupTold {
    /// How many they are.
    pub resources: i32,
    /// Their type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Their provider.
    pub provider: Option<String>,
    /// The version they have.
    pub from_version: Option<String>,
    /// The version that does it.
    pub to_version: Option<String>,
    /// By this workflow; none: by what their last run ran.
    pub workflow: Option<String>,
    /// Why nothing can be done for them: they are left out.
    pub problem: Option<String>,
    /// One of them, to look at the plan of.
    pub sample: ResourceId,
}

/// A param that would be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParamTold {
    /// Its name.
    pub name: String,
    /// What it would be; null: what the spec says.
    pub value: Value,
    /// How many resources have something else.
    pub differs: i64,
}

/// What depends on the resources.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DependentsTold {
    /// How many resources.
    pub count: i64,
    /// Whose they are.
    pub by_team: Vec<Counted>,
}

/// How long it would take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Expected {
    /// In seconds.
    pub seconds: i64,
    /// What that rests on, in words.
    pub basis: String,
}

/// What a batch would do, for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// Hex of the digest that an approval is for.
    pub digest: String,
    /// How many resources would be done.
    pub total: i64,
    /// How many are left out because nothing can be done for them.
    pub problems: i64,
    /// Whose they are.
    pub by_team: Vec<Counted>,
    /// What they are.
    pub by_type: Vec<Counted>,
    /// Where they are.
    pub by_environment: Vec<Counted>,
    /// The ways in which they would be done, the largest first; at most 50 are told.
    pub groups: Vec<GroupTold>,
    /// What would be set.
    pub params: Vec<ParamTold>,
    /// What depends on them and is not of the batch.
    pub dependents: DependentsTold,
    /// Resources of each wave.
    pub waves: Vec<i64>,
    /// How long it would take; none: such runs were never seen.
    pub expected: Option<Expected>,
}

/// What a batch would do, as its groups say: `groups` with those that nothing can be done for, `kept` without.
pub(super) async fn preview(
    conn: &mut Connection,
    batch: &Batch,
    groups: Vec<Group>,
    kept: &[Group],
    problems: i64,
    digest: &[u8],
) -> Result<Preview> {
    let facets = batch::facets(&mut *conn, batch.id).await?;
    let of = |what: &str| {
        let of = facets.iter().filter(|facet| facet.of == what);
        of.map(|facet| Counted { name: facet.name.clone(), count: facet.count }).collect::<Vec<_>>()
    };
    let by_team: Vec<Counted> = batch::dependents(&mut *conn, batch.id)
        .await?
        .into_iter()
        .map(|it| Counted { name: it.team, count: it.count })
        .collect();
    let params = batch::settings(&mut *conn, batch.id, &batch.params).await?;
    let stages = batch::stages(&mut *conn, batch.id).await?;
    let waves: Vec<i64> = stages.iter().map(|stage| i64::from(stage.open)).collect();
    Ok(Preview {
        digest: hex::encode(digest),
        total: waves.iter().sum(),
        problems,
        by_team: of("team"),
        by_type: of("type"),
        by_environment: of("environment"),
        expected: expected(conn, batch, kept, &waves).await?,
        groups: groups.into_iter().take(GROUPS_TOLD).map(GroupTold::from).collect(),
        params: params
            .into_iter()
            .map(|it| ParamTold { name: it.name, value: it.value, differs: it.differs })
            .collect(),
        dependents: DependentsTold { count: by_team.iter().map(|it| it.count).sum(), by_team },
        waves,
    })
}

impl From<Group> for GroupTold {
    fn from(group: Group) -> Self {
        Self {
            resources: group.resources,
            kind: group.kind,
            provider: group.provider,
            from_version: group.from_version,
            to_version: group.to_version,
            workflow: group.workflow,
            problem: group.problem,
            sample: group.sample,
        }
    }
}

/// How long it would take, going by the median of the workflows that it runs most.
async fn expected(conn: &mut Connection, batch: &Batch, groups: &[Group], waves: &[i64]) -> Result<Option<Expected>> {
    let ways = groups.iter().filter_map(|it| Some((it.provider.clone()?, it.workflow.clone()?))).take(GROUPS_TOLD);
    let workflows: Vec<(String, String)> = ways.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
    if workflows.is_empty() {
        return Ok(None);
    }
    let medians = batch::medians(conn, &workflows, batch.operation.run(true)).await?;
    Ok(estimate(batch, groups, waves, &medians))
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate in seconds")]
fn estimate(batch: &Batch, groups: &[Group], waves: &[i64], medians: &[Median]) -> Option<Expected> {
    let (mut seconds, mut weight, mut runs) = (0.0, 0.0, 0);
    for median in medians {
        let same = |it: &&Group| {
            it.provider.as_deref() == Some(&median.provider) && it.workflow.as_deref() == Some(&median.workflow)
        };
        let resources: i32 = groups.iter().filter(same).map(|it| it.resources).sum();
        seconds += median.seconds * f64::from(resources);
        weight += f64::from(resources);
        runs += median.runs;
    }
    if weight <= 0.0 {
        return None;
    }
    let each = seconds / weight;
    let at_once = i64::from(batch.max_in_flight).max(1);
    let rounds: i64 = waves.iter().map(|wave| (wave + at_once - 1) / at_once).sum();
    let bakes =
        i64::try_from(waves.iter().filter(|wave| **wave > 0).count()).unwrap_or_default() * i64::from(batch.bake_s);
    Some(Expected {
        seconds: (rounds as f64 * each).ceil() as i64 + bakes,
        basis: format!(
            "the median of {} like it is {each:.1} s; {at_once} at once in {}, and {} s of bake time after each; the window and what \
             else waits in the queue are not in it",
            count(runs, "run"),
            count(waves.len(), "wave"),
            batch.bake_s
        ),
    })
}
