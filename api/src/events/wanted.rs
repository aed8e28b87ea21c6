//! Which events somebody asked for, and what of them they may see.

use shared::{
    domain::{
        access::Visible,
        ids::{ResourceId, RunId},
    },
    store::event::feed::Occurred,
};

use uuid::Uuid;

use crate::error::Problem;

/// Names of events that a stream may choose at most.
const KINDS: usize = 50;
/// Events of the installation that everybody may know of.
const FOR_EVERYBODY: &str = "provider.";
/// How events of batches begin.
const BATCH: &str = "batch.";

/// Which events are wanted. What is not set does not restrict.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    pub(super) run: Option<RunId>,
    pub(super) resource: Option<ResourceId>,
    pub(super) application: Option<String>,
    pub(super) queue: Option<String>,
    pub(super) team: Option<String>,
    pub(super) batch: Option<Uuid>,
    /// Names, or how they begin when they end in `*`; none: all.
    pub(super) kinds: Vec<String>,
    /// Whose events the caller may see.
    pub(super) visible: Visible,
}

/// How much of an event a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sight {
    /// All of it.
    Whole,
    /// That something happened to a resource that their team uses too, not what its owner's runs did.
    Outline,
}

impl Wanted {
    /// How much of this event the stream shows; none: nothing.
    pub(super) fn sight(&self, event: &Occurred) -> Option<Sight> {
        let chosen = same(self.run.as_ref(), event.run_id.as_ref())
            && same(self.resource.as_ref(), event.resource_id.as_ref())
            && same(self.application.as_ref(), event.application.as_ref())
            && same(self.queue.as_ref(), event.queue.as_ref())
            && same(self.team.as_ref(), event.team.as_ref())
            && same(self.batch.as_ref(), event.batch_id.as_ref())
            && (self.kinds.is_empty() || self.kinds.iter().any(|wanted| matches(wanted, &event.kind)));
        chosen.then(|| self.may_see(event)).flatten()
    }

    fn may_see(&self, event: &Occurred) -> Option<Sight> {
        match &event.team {
            Some(team) if self.visible.has(team) => Some(Sight::Whole),
            Some(_) => event.users.iter().any(|team| self.visible.has(team)).then_some(Sight::Outline),
            None if self.visible == Visible::All || event.kind.starts_with(FOR_EVERYBODY) => Some(Sight::Whole),
            // A batch is its teams' alone: who is of some of them does not see what concerns the others.
            None if event.kind.starts_with(BATCH) && !event.users.is_empty() => {
                event.users.iter().all(|team| self.visible.has(team)).then_some(Sight::Whole)
            }
            None => None,
        }
    }
}

fn same<T: PartialEq>(wanted: Option<&T>, is: Option<&T>) -> bool {
    wanted.is_none() || wanted == is
}

fn matches(wanted: &str, kind: &str) -> bool {
    wanted.strip_suffix('*').map_or(wanted == kind, |start| kind.starts_with(start))
}

/// Reads `run.failed,resource.*`.
///
/// # Errors
/// When it has what no event is called.
pub(super) fn kinds(text: Option<&str>) -> Result<Vec<String>, Problem> {
    let kinds: Vec<String> =
        text.into_iter().flat_map(|text| text.split(',')).map(|kind| kind.trim().to_owned()).collect();
    let fits = |kind: &String| {
        let name = kind.strip_suffix(".*").unwrap_or(kind);
        !name.is_empty()
            && name.len() <= 64
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte))
    };
    if kinds.len() > KINDS {
        return Err(Problem::bad_request(format!("kind: at most {KINDS} names of events")));
    }
    match kinds.iter().find(|kind| !fits(kind)) {
        None => Ok(kinds),
        Some(_) => Err(Problem::bad_request("kind: names of events as `run.failed` or `run.*`, separated by commas")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::store::event::feed::Cursor;

    use super::*;

    fn event(kind: &str, team: Option<&str>, users: &[&str]) -> Occurred {
        Occurred {
            cursor: Cursor::default(),
            at: chrono::Utc::now(),
            kind: kind.into(),
            actor: "system".into(),
            data: json!({}),
            step: None,
            run_id: None,
            workflow: None,
            queue: Some("default".into()),
            resource_id: None,
            resource: None,
            application_id: None,
            application: Some("shop".into()),
            team: team.map(ToOwned::to_owned),
            users: users.iter().map(ToString::to_string).collect(),
            batch_id: None,
        }
    }

    fn of(team: &str) -> Wanted {
        Wanted { visible: Visible::Teams(vec![team.into()]), ..Wanted::default() }
    }

    #[test]
    fn a_team_sees_its_own_whole_and_what_it_shares_in_outline() {
        let shared = event("resource.failed", Some("payments"), &["payments", "search"]);
        assert_eq!(of("payments").sight(&shared), Some(Sight::Whole));
        assert_eq!(of("search").sight(&shared), Some(Sight::Outline));
        assert_eq!(of("rivals").sight(&shared), None);
    }

    #[test]
    fn what_is_nobodys_is_for_those_who_see_everything_unless_it_is_about_providers() {
        let all = Wanted { visible: Visible::All, ..Wanted::default() };
        let disabled = event("webhook.disabled", None, &[]);
        assert_eq!((all.sight(&disabled), of("search").sight(&disabled)), (Some(Sight::Whole), None));
        assert_eq!(of("search").sight(&event("provider.loaded", None, &[])), Some(Sight::Whole));
    }

    #[test]
    fn a_batch_is_for_those_who_see_all_its_teams() {
        let stopped = event("batch.stopped", None, &["payments", "search"]);
        let both = Wanted { visible: Visible::Teams(vec!["payments".into(), "search".into()]), ..Wanted::default() };
        assert_eq!((both.sight(&stopped), of("payments").sight(&stopped)), (Some(Sight::Whole), None));
        let another = Wanted { batch: Some(Uuid::nil()), ..both };
        assert_eq!(another.sight(&stopped), None);
    }

    #[test]
    fn an_event_is_wanted_by_name_or_by_how_it_begins() {
        let failed = event("run.failed", Some("a"), &[]);
        for (text, wanted) in [("run.failed", true), ("run.*", true), ("step.*,run.failed", true), ("run.fail", false)]
        {
            let stream = Wanted { kinds: kinds(Some(text)).unwrap(), ..of("a") };
            assert_eq!(stream.sight(&failed).is_some(), wanted, "{text}");
        }
        for text in ["", "run failed", "*", "RUN.*", "a,,b", "'; --"] {
            assert!(kinds(Some(text)).is_err(), "{text}");
        }
        assert!(of("a").sight(&failed).is_some());
        let elsewhere = Wanted { application: Some("other".into()), ..of("a") };
        assert_eq!(elsewhere.sight(&failed), None);
    }
}
