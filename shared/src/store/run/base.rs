//! The files that a run made from another begins with.

use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgConnection;

use crate::{
    domain::{checkpoint, ids::RunId, run::RunStatus},
    store::Result,
};

/// A step of the old run that completed and works on files.
#[derive(Clone, Debug)]
pub(super) struct Past {
    pub(super) name: String,
    pub(super) finished_at: Option<DateTime<Utc>>,
    /// Whether the new run runs it again.
    pub(super) again: bool,
    pub(super) checkpoint: Option<Value>,
}

/// What a new run begins with.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Base {
    /// This checkpoint; none: an empty workspace.
    At(Option<Value>),
    /// What the old run left: there was no moment before all steps that run again and after all that do not. The steps
    /// named here find their own traces.
    Latest(Vec<String>),
}

/// The workspace as it was before the first of the steps that run again. `latest` is the old run's last checkpoint.
pub(super) fn base(mut past: Vec<Past>, latest: Option<&Value>) -> Base {
    past.sort_by_key(|it| it.finished_at);
    let Some(first) = past.iter().position(|it| it.again) else { return Base::At(latest.cloned()) };
    let (before, after) = past.split_at(first);
    let shared = |it: &&Past| it.checkpoint.as_ref().is_some_and(is_shared);
    // Without the mark it is of a time when no other was kept.
    if latest.is_some_and(|latest| !is_shared(latest)) || after.iter().filter(|it| !it.again).any(|it| shared(&it)) {
        return Base::Latest(past.into_iter().filter(|it| it.again).map(|it| it.name).collect());
    }
    Base::At(before.iter().rev().find(shared).and_then(|it| it.checkpoint.clone()))
}

/// Whether it is of the workspace that a run's steps share, and not of one step's own.
fn is_shared(checkpoint: &Value) -> bool {
    checkpoint["shared"] == true
}

/// Whether the archive still has a checkpoint: until the run that stored it has completed or is forgotten, and among those of
/// that run as far as there is room.
pub(super) async fn is_kept(conn: &mut PgConnection, checkpoint: &Value) -> Result<bool> {
    let key = checkpoint["key"].as_str().unwrap_or_default();
    let Some(owner) = key.split('/').nth(1).and_then(|id| id.parse().ok()).map(RunId) else { return Ok(false) };
    let status = sqlx::query_scalar!(r#"SELECT status AS "status: RunStatus" FROM run WHERE id = $1"#, owner.0)
        .fetch_optional(&mut *conn)
        .await?;
    if status.is_none_or(|status| status == RunStatus::Completed) || !is_shared(checkpoint) {
        return Ok(status.is_some_and(|status| status != RunStatus::Completed));
    }
    let stored = sqlx::query!(
        r#"SELECT checkpoint ->> 'key' AS "key!", (checkpoint ->> 'bytes')::bigint AS "bytes!" FROM step
           WHERE run_id = $1 AND checkpoint ->> 'shared' = 'true' AND starts_with(checkpoint ->> 'key', 'workspaces/' || run_id)
           ORDER BY finished_at DESC, position DESC"#,
        owner.0
    )
    .fetch_all(conn)
    .await?;
    let room = checkpoint::kept(stored.iter().map(|it| it.bytes.unsigned_abs()));
    Ok(stored.iter().take(room).any(|it| it.key == key))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn past(name: &str, at: i64, again: bool, checkpoint: Option<Value>) -> Past {
        Past { name: name.into(), finished_at: DateTime::from_timestamp(at, 0), again, checkpoint }
    }

    fn shared(key: &str) -> Option<Value> {
        Some(json!({"key": key, "shared": true}))
    }

    #[test]
    fn a_run_begins_with_the_files_of_the_last_step_before_those_that_run_again() {
        let steps = |from: i64| {
            let all = [("a", shared("a")), ("b", None), ("c", shared("c")), ("d", shared("d"))];
            (0_i32..4)
                .zip(all)
                .map(|(at, (name, files))| past(name, at.into(), i64::from(at) >= from, files))
                .rev()
                .collect()
        };
        let latest = shared("d");
        let of = |from| base(steps(from), latest.as_ref());
        assert_eq!(of(4), Base::At(shared("d")), "nothing that completed runs again");
        assert_eq!(of(3), Base::At(shared("c")));
        assert_eq!(of(2), Base::At(shared("a")), "b changed nothing");
        assert_eq!(of(0), Base::At(None));
    }

    #[test]
    fn the_files_of_a_step_that_ran_beside_others_are_its_own_affair() {
        let beside = Some(json!({"key": "left"}));
        let steps =
            vec![past("a", 0, false, shared("a")), past("right", 1, true, None), past("left", 2, false, beside)];
        assert_eq!(base(steps, shared("a").as_ref()), Base::At(shared("a")));
    }

    #[test]
    fn what_stays_done_keeps_its_files_where_no_moment_fits() {
        let steps = || vec![past("a", 0, true, shared("a")), past("b", 1, false, shared("b"))];
        assert_eq!(base(steps(), shared("b").as_ref()), Base::Latest(vec!["a".into()]));
        let unmarked = json!({"key": "b"});
        assert_eq!(base(vec![past("a", 0, true, None)], Some(&unmarked)), Base::Latest(vec!["a".into()]));
    }
}
