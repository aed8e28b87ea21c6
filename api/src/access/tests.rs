//! What ships, and what an instance may add.

use std::io::Write as _;

use cedar_policy::{Context, Entities, Request};
use shared::{
    domain::access::{Credential, Principal, PrincipalKind, Role},
    store::access,
};
use uuid::Uuid;

use super::{
    action::Action,
    object::Object,
    policies::{Policies, uid},
    subject::Subject,
};

fn caller(kind: PrincipalKind, roles: &[Role], teams: &[&str]) -> Principal {
    Principal {
        kind,
        id: Uuid::now_v7(),
        name: "ada".into(),
        roles: roles.iter().copied().collect(),
        other_roles: ["lead".to_owned()].into(),
        teams: teams.iter().map(ToString::to_string).collect(),
        scopes: None,
        credential: Credential::Guest,
    }
}

/// One object of each kind, of the team `payments`.
fn objects() -> Vec<Object> {
    let (team, application) = (String::from("payments"), Some(String::from("shop")));
    let (workflow, provider) = (String::from("w"), String::from("p"));
    vec![
        Object::Instance,
        Object::Team(team.clone()),
        Object::Owned { name: "key/1".into(), owner: "1".into() },
        Object::Application { name: "shop".into(), team: team.clone() },
        Object::Resource {
            id: "1".into(),
            found: access::Resource {
                name: "db".into(),
                kind: "postgres".into(),
                class: None,
                application: "shop".into(),
                team: team.clone(),
                users: vec!["search".into()],
            },
        },
        Object::Run {
            id: "1".into(),
            found: access::Run {
                workflow: workflow.clone(),
                provider,
                application: application.clone(),
                team: team.clone(),
                asked: vec!["platform".into()],
            },
        },
        Object::Approval {
            run: "1".into(),
            step: "ask".into(),
            found: access::Approval { workflow, application, team, roles: Vec::new(), teams: Vec::new() },
        },
    ]
}

fn of_kind(kind: &str) -> Object {
    objects().into_iter().find(|object| object.kind() == kind).unwrap()
}

/// The object that an action is most about.
fn object_of(policies: &Policies, action: Action) -> Object {
    let kinds = policies.kinds(action);
    let kind = kinds.iter().find(|kind| *kind != "Team" && *kind != "Approval").or(kinds.first()).unwrap();
    of_kind(kind)
}

fn may(policies: &Policies, caller: &Principal, action: Action, object: &Object) -> bool {
    policies.decide(&Subject::of(caller).unwrap(), action, object).allowed
}

#[test]
fn every_request_is_one_that_the_schema_knows() {
    let policies = Policies::load(&[]).unwrap();
    let schema = Some(policies.schema());
    for kind in PrincipalKind::ALL {
        let mut caller = caller(*kind, Role::ALL, &["payments"]);
        caller.scopes = Some(["run.*".to_owned()].into());
        let subject = Subject::of(&caller).unwrap();
        for object in objects() {
            let (principal, resource) = (subject.entity().clone(), object.entity().unwrap());
            Entities::from_entities([principal, resource], schema).unwrap();
        }
        for action in Action::ALL {
            let object = object_of(&policies, *action).entity().unwrap();
            let text = |text: &str| cedar_policy::RestrictedExpression::new_string(text.to_owned());
            let context = [("action".into(), text(action.as_str())), ("family".into(), text(&action.family()))];
            let context = Context::from_pairs(context).unwrap();
            let asked = uid("Action", action.as_str()).unwrap();
            Request::new(subject.entity().uid(), asked, object.uid(), context, schema).unwrap();
        }
    }
    let known = policies.schema().actions().filter(|uid| uid.id().unescaped().contains('.')).count();
    assert_eq!(known, Action::ALL.len(), "the schema has actions that no route has");
}

#[test]
fn a_scope_narrows_and_never_widens() {
    let policies = Policies::load(&[]).unwrap();
    let mut robot = caller(PrincipalKind::ServiceAccount, &[Role::Viewer], &["payments"]);
    let run = of_kind("Run");
    robot.scopes = Some(["run.*".to_owned()].into());
    assert!(may(&policies, &robot, Action::RunRead, &run));
    assert!(!may(&policies, &robot, Action::RunCancel, &run), "its role does not allow that");
    assert!(!may(&policies, &robot, Action::ApplicationRead, &of_kind("Application")));
    assert!(may(&policies, &robot, Action::SelfRead, &Object::Instance));
    robot.scopes = Some([].into());
    assert!(!may(&policies, &robot, Action::RunRead, &run));
    let mut admin = caller(PrincipalKind::Key, &[Role::Admin], &[]);
    admin.scopes = Some(["run.read".to_owned()].into());
    assert!(may(&policies, &admin, Action::RunRead, &run) && !may(&policies, &admin, Action::RunCancel, &run));
}

#[test]
fn users_of_a_shared_resource_read_it_and_only_its_owner_changes_it() {
    let policies = Policies::load(&[]).unwrap();
    let database = of_kind("Resource");
    let user = caller(PrincipalKind::Person, &[Role::Developer], &["search"]);
    let owner = caller(PrincipalKind::Person, &[Role::Developer], &["payments"]);
    let other = caller(PrincipalKind::Person, &[Role::Developer], &["platform"]);
    let of = |who: &Principal| {
        [Action::ResourceRead, Action::ResourceReveal, Action::ResourceForget]
            .map(|it| may(&policies, who, it, &database))
    };
    assert_eq!((of(&owner), of(&user), of(&other)), ([true; 3], [true, false, false], [false; 3]));
}

#[test]
fn whom_a_workflow_asks_decides_and_reads_the_run() {
    let policies = Policies::load(&[]).unwrap();
    let question = |roles: &[&str], teams: &[&str]| {
        let Object::Approval { run, step, found } = of_kind("Approval") else { panic!() };
        let own = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        Object::Approval { run, step, found: access::Approval { roles: own(roles), teams: own(teams), ..found } }
    };
    let decides = |role: Role, team: &str, object: &Object| {
        may(&policies, &caller(PrincipalKind::Person, &[role], &[team]), Action::ApprovalDecide, object)
    };
    let nobody_named = question(&[], &[]);
    assert!(decides(Role::Approver, "payments", &nobody_named));
    assert!(!decides(Role::Developer, "payments", &nobody_named));
    assert!(!decides(Role::Approver, "search", &nobody_named));
    // A role of the house's own making, which everybody of these tests has.
    let leads_of_platform = question(&["lead"], &["platform"]);
    assert!(decides(Role::Viewer, "platform", &leads_of_platform));
    assert!(!decides(Role::Viewer, "payments", &leads_of_platform));
    assert!(!decides(Role::Approver, "search", &leads_of_platform));
    let asked = caller(PrincipalKind::Person, &[Role::Approver], &["platform"]);
    assert!(may(&policies, &asked, Action::RunRead, &of_kind("Run")));
    assert!(!may(&policies, &asked, Action::RunCancel, &of_kind("Run")));
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::Builder::new().suffix(".cedar").tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn an_instance_forbids_what_ships_permitted_and_permits_more() {
    let own = file(
        r#"@id("nobody-deletes-shop")
           forbid (principal, action == Action::"application.delete", resource) when { resource.name == "shop" };
           @id("leads-protect")
           permit (principal, action == Action::"application.protect", resource)
           when { principal.roles.contains("lead") && principal.teams.contains(resource.team) };"#,
    );
    let policies = Policies::load(&[own.path().to_owned()]).unwrap();
    let admin = caller(PrincipalKind::Person, &[Role::Admin], &[]);
    let shop = of_kind("Application");
    let decision = policies.decide(&Subject::of(&admin).unwrap(), Action::ApplicationDelete, &shop);
    assert_eq!((decision.allowed, decision.policies), (false, vec!["nobody-deletes-shop".to_owned()]));
    let lead = caller(PrincipalKind::Person, &[Role::Viewer], &["payments"]);
    assert!(may(&policies, &lead, Action::ApplicationProtect, &shop));
}

#[test]
fn policies_that_are_not_valid_are_refused_with_file_line_and_column() {
    for (text, line, column, message) in [
        ("permit (principal, action, resource)\nwhen { oops };", 2, 8, "invalid variable"),
        ("permit (principal, action == Action::\"run.stop\", resource);", 1, 30, "unrecognized action"),
        (
            "\n  forbid (principal, action == Action::\"run.read\", resource)\n  when { resource.color == 1 };",
            3,
            10,
            "color",
        ),
        ("permit (principal == ?principal, action, resource);", 0, 0, "templates"),
    ] {
        let wrong = file(text);
        let error = Policies::load(&[wrong.path().to_owned()]).unwrap_err();
        let first = &error.0[0];
        assert_eq!((first.line, first.column), (line, column), "{text}: {error}");
        assert!(first.message.contains(message), "{text}: {error}");
        assert!(error.to_string().starts_with(&format!("access.policies: {}", wrong.path().display())), "{error}");
    }
    let taken = file("@id(\"admins-do-everything\") permit (principal, action, resource);");
    let error = Policies::load(&[taken.path().to_owned()]).unwrap_err();
    assert!(error.to_string().contains("'admins-do-everything' is taken"), "{error}");
    let missing = Policies::load(&["/nowhere/own.cedar".into()]).unwrap_err();
    assert!(missing.to_string().starts_with("access.policies: /nowhere/own.cedar: "), "{missing}");
}

#[test]
fn the_policies_that_the_guide_shows_are_valid() {
    let guide = include_str!("../../../docs/guides/access.md");
    let shown = guide.split("```\n").find(|block| block.starts_with("@id(")).unwrap();
    Policies::load(&[file(shown).path().to_owned()]).unwrap();
}

#[test]
fn a_team_without_a_name_is_nobodys() {
    let policies = Policies::load(&[]).unwrap();
    let nobody = caller(PrincipalKind::Person, &[Role::Developer], &[""]);
    assert!(!may(&policies, &nobody, Action::RunRead, &Object::Team(String::new())));
}

/// The table of the guide: what each role may do to what is its team's.
fn table(policies: &Policies) -> String {
    let roles = [Role::Admin, Role::Developer, Role::Viewer, Role::Approver, Role::Auditor];
    let mut text = String::from("| action |");
    roles.iter().for_each(|role| text.push_str(&format!(" {role} |")));
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(roles.len()));
    text.push('\n');
    for action in Action::ALL {
        let object = match object_of(policies, *action) {
            // What is somebody else's.
            Object::Owned { .. } => Object::Owned { name: "key/1".into(), owner: String::new() },
            object => object,
        };
        text.push_str(&format!("| `{action}` |"));
        for role in roles {
            let subject = Subject::with_role(role, &["payments"]).unwrap();
            let mark = if policies.decide(&subject, *action, &object).allowed { "yes" } else { "" };
            text.push_str(&format!(" {mark} |").replace("  |", " |"));
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_table_of_the_guide_is_what_the_policies_say() {
    let guide = include_str!("../../../docs/guides/access.md");
    let table = table(&Policies::load(&[]).unwrap());
    assert!(guide.contains(&table), "docs/guides/access.md has another table than this:\n{table}");
}

/// Printed with `--nocapture`; a figure, no bound.
#[test]
fn a_decision_takes_no_time_worth_caching() {
    let policies = Policies::load(&[]).unwrap();
    let ada = caller(PrincipalKind::Person, &[Role::Developer], &["payments", "search"]);
    let run = of_kind("Run");
    let began = std::time::Instant::now();
    let times = 2_000;
    for _ in 0..times {
        let subject = Subject::of(&ada).unwrap();
        assert!(policies.decide(&subject, Action::RunCancel, &run).allowed);
    }
    println!("a decision takes {} ns", (began.elapsed() / times).as_nanos());
}
