use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ME: ApplicationId = ApplicationId(uuid::Uuid::from_u128(1));
const OTHER: ApplicationId = ApplicationId(uuid::Uuid::from_u128(2));

fn wanted(kind: &str, name: &str, value: u8, depends_on: &[&str]) -> Wanted {
    Wanted {
        kind: kind.into(),
        identity: format!("{kind}.default#app.{name}"),
        params: json!({"value": value}),
        annotations: json!({}),
        labels: json!({}),
        depends_on: depends_on.iter().map(ToString::to_string).collect(),
        ..Wanted::default()
    }
}

fn submission(resources: &[(&str, Wanted)]) -> Submission {
    let resources = resources.iter().map(|(name, wanted)| ((*name).to_owned(), wanted.clone())).collect();
    Submission { name: "app".into(), resources, spec: json!({}), ..Submission::default() }
}

/// What would be there once a submission was carried out, by the same rules as the rows.
fn carried_out(standing: &Standing, submission: &Submission, diff: &Diff) -> Standing {
    let mut next = Standing { application: Some(ME), ..standing.clone() };
    for removal in &diff.remove {
        next.present.remove(&removal.identity);
    }
    for name in &diff.create {
        let wanted = submission.resources[name].clone();
        let present = Present {
            id: ResourceId::new(),
            identity: wanted.identity.clone(),
            application_id: ME,
            name: name.clone(),
            needs: BTreeSet::new(),
            rests_on: BTreeSet::new(),
            state: ResourceState::Active,
            made: true,
            made_by: None,
            protected: false,
            users: BTreeSet::new(),
            wanted,
        };
        next.present.insert(present.identity.clone(), present);
    }
    let ids: BTreeMap<String, ResourceId> = next.present.iter().map(|(key, it)| (key.clone(), it.id)).collect();
    for there in next.present.values_mut() {
        there.users.retain(|(application, _)| *application != ME);
        for (name, wanted) in submission.resources.iter().filter(|(_, wanted)| wanted.identity == there.identity) {
            there.users.insert((ME, name.clone()));
            if diff.create.contains(name) || diff.update.iter().any(|it| it.name == *name) {
                there.wanted = wanted.clone();
                there.needs = wanted.depends_on.iter().map(|name| ids[&submission.resources[name].identity]).collect();
                there.rests_on = there.needs.clone();
            }
        }
    }
    next.present.retain(|_, there| !there.users.is_empty());
    next
}

fn accept(standing: &Standing, submission: &Submission) -> (Diff, Standing) {
    let diff = diff(submission, standing).expect("accepted");
    let next = carried_out(standing, submission, &diff);
    (diff, next)
}

#[test]
fn what_is_needed_is_made_first_and_removed_last() {
    let first = submission(&[
        ("a", wanted("t", "a", 1, &["c"])),
        ("b", wanted("t", "b", 1, &["a"])),
        ("c", wanted("t", "c", 1, &[])),
    ]);
    let (diff, standing) = accept(&Standing::default(), &first);
    assert_eq!(diff.create, ["c", "a", "b"]);
    let (diff, _) = accept(&standing, &submission(&[]));
    assert_eq!(diff.remove.iter().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["b", "a", "c"]);
}

#[test]
fn a_changed_param_is_told_with_both_values() {
    let (_, standing) = accept(&Standing::default(), &submission(&[("a", wanted("t", "a", 1, &[]))]));
    let (diff, _) = accept(&standing, &submission(&[("a", wanted("t", "a", 2, &[]))]));
    assert_eq!(diff.update[0].params, change::between(&json!({"value": 1}), &json!({"value": 2})));
    assert!(diff.create.is_empty() && diff.remove.is_empty());
}

#[test]
fn another_type_under_the_same_name_is_a_replacement() {
    let (_, standing) = accept(&Standing::default(), &submission(&[("a", wanted("old", "a", 1, &[]))]));
    let (diff, _) = accept(&standing, &submission(&[("a", wanted("new", "a", 1, &[]))]));
    assert_eq!(diff.create, ["a"]);
    assert!(diff.remove[0].replaced);
}

#[test]
fn what_is_protected_is_not_removed_and_is_named() {
    let (_, mut standing) = accept(&Standing::default(), &submission(&[("a", wanted("t", "a", 1, &[]))]));
    standing.present.values_mut().for_each(|there| there.protected = true);
    let refusal = diff(&submission(&[]), &standing).unwrap_err();
    assert_eq!(refusal, Refusal::Protected { application: false, resources: vec!["a".into()] });
}

#[test]
fn a_shared_resource_goes_with_its_last_user_and_cannot_be_changed_before() {
    let shared = |value| Wanted { identity: "t.default#main".into(), shared: true, ..wanted("t", "x", value, &[]) };
    let (_, mut standing) = accept(&Standing::default(), &submission(&[("x", shared(1))]));
    for there in standing.present.values_mut() {
        there.users.insert((OTHER, "y".into()));
    }
    let refusal = diff(&submission(&[("x", shared(2))]), &standing).unwrap_err();
    assert_eq!(refusal, Refusal::SharedConflict(vec![("x".into(), "t.default#main".into())]));
    let released = diff(&submission(&[]), &standing).unwrap();
    assert_eq!((released.release.as_slice(), released.remove.len()), (&["x".to_owned()][..], 0));
    for there in standing.present.values_mut() {
        there.users.remove(&(OTHER, "y".into()));
    }
    assert_eq!(diff(&submission(&[]), &standing).unwrap().remove.len(), 1);
    assert_eq!(diff(&submission(&[("x", shared(2))]), &standing).unwrap().update.len(), 1);
}

#[test]
fn what_an_application_has_for_itself_is_used_by_no_other() {
    let own = wanted("t", "x", 1, &[]);
    let shared = Wanted { shared: true, ..own.clone() };
    for (theirs, mine) in [(&own, &shared), (&shared, &own), (&own, &own)] {
        let (_, mut standing) = accept(&Standing::default(), &submission(&[("x", theirs.clone())]));
        for there in standing.present.values_mut() {
            (there.application_id, there.users) = (OTHER, BTreeSet::from([(OTHER, "x".into())]));
        }
        let refusal = diff(&submission(&[("y", mine.clone())]), &standing).unwrap_err();
        assert_eq!(refusal, Refusal::NotShared(vec![("y".into(), "t.default#app.x".into())]));
    }
}

#[test]
fn what_nobody_else_uses_becomes_shared_and_private_again_without_a_run() {
    let own = wanted("t", "x", 1, &[]);
    let shared = Wanted { shared: true, ..own.clone() };
    let (_, mut standing) = accept(&Standing::default(), &submission(&[("x", own.clone())]));
    for next in [shared, own] {
        let (diff, after) = accept(&standing, &submission(&[("x", next.clone())]));
        assert_eq!(diff.update.iter().map(|it| (it.noted, it.reconciles())).collect::<Vec<_>>(), [(true, false)]);
        assert_eq!(after.present["t.default#app.x"].wanted.shared, next.shared);
        standing = after;
    }
}

/// A spec over few names and types, without circles: each names only those before it.
fn specs() -> impl Strategy<Value = Submission> {
    prop::collection::vec((prop::option::of((0..3_u8, 0..3_u8)), any::<u8>()), 6).prop_map(|slots| {
        let names = ["a", "b", "c", "d", "e", "f"];
        let present: Vec<bool> = slots.iter().map(|(slot, _)| slot.is_some()).collect();
        let resources: Vec<(&str, Wanted)> = slots
            .iter()
            .enumerate()
            .filter_map(|(index, (slot, mask))| {
                let (kind, value) = (*slot)?;
                let needs: Vec<&str> = (0..index)
                    .filter(|&other| present[other] && mask & (1 << other) != 0)
                    .map(|it| names[it])
                    .collect();
                Some((names[index], wanted(["s", "t", "u"][usize::from(kind)], names[index], value, &needs)))
            })
            .collect();
        submission(&resources)
    })
}

proptest! {
    #[test]
    fn any_sequence_of_submissions_comes_to_the_last_one(sequence in prop::collection::vec(specs(), 1..8)) {
        let mut standing = Standing::default();
        for submission in &sequence {
            let (diff, next) = accept(&standing, submission);
            let place = |name: &String| diff.create.iter().position(|it| it == name);
            for name in &diff.create {
                for needed in &submission.resources[name].depends_on {
                    prop_assert!(place(needed).is_none_or(|needed| Some(needed) < place(name)), "{} before {}", name, needed);
                }
            }
            standing = next;
        }
        let last = sequence.last().expect("not empty");
        let there: BTreeMap<&str, (&str, &Value)> =
            standing.present.values().map(|it| (it.name.as_str(), (it.wanted.kind.as_str(), &it.wanted.params))).collect();
        let asked: BTreeMap<&str, (&str, &Value)> =
            last.resources.iter().map(|(name, it)| (name.as_str(), (it.kind.as_str(), &it.params))).collect();
        prop_assert_eq!(there, asked);
        // And then nothing is left to do.
        let (diff, _) = accept(&standing, last);
        prop_assert_eq!(diff.unchanged.len(), last.resources.len());
        prop_assert!(diff.create.is_empty() && diff.update.is_empty() && diff.remove.is_empty());
    }
}
