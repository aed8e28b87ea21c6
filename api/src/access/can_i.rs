//! May I? And if not, why not?

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use shared::{
    domain::access::{Principal, Visible},
    formats::problem::{did_you_mean, nearest},
    store::access,
};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{
    action::Action,
    gate,
    grant::Grant,
    object::Object,
    policies::Decision,
    refusal::roles_that_may,
    route::{Rule, Target},
    subject::Subject,
};
use crate::{
    error::{Problem, ProblemDetails},
    extract::{Body, Caller, Query},
    state::AppState,
};

/// Questions that are answered together at most.
const TOGETHER: usize = 50;

/// What is asked.
#[derive(Debug, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
pub(crate) struct Question {
    /// `run.cancel`; with an object the verb is enough: `cancel`.
    action: String,
    /// `application/NAME`, `resource/ID`, `run/ID`, `run/ID/STEP` or `team/NAME`; without it: in any team.
    object: Option<String>,
}

/// Whether the caller may.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CanI {
    /// Whether.
    allowed: bool,
    /// What was asked for.
    action: String,
    /// To what; none: to anything of the teams.
    object: Option<String>,
    /// The teams in whose things it is allowed, when no object was named; none: in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    teams: Option<Vec<String>>,
    /// The answer in words.
    message: String,
    /// Of one question among several that would get a problem instead of an answer: the last part of its `type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<&'static str>,
}

/// What is asked, all at once.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Questions {
    /// 50 at most.
    #[schema(max_items = 50)]
    questions: Vec<Question>,
}

/// What the caller may of that.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Answers {
    /// One for each question, in their order.
    answers: Vec<CanI>,
}

/// Whether the caller may, and what that rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// The answer.
    #[serde(flatten)]
    answer: CanI,
    /// The policies that permit it, or those that forbid it; empty: no policy permits it.
    policies: Vec<String>,
    /// Roles whose holders in the object's team may do it.
    allowed_roles: Vec<String>,
    /// The caller's name.
    name: String,
    /// What kind of caller.
    #[schema(value_type = String, example = "person")]
    kind: shared::domain::access::PrincipalKind,
    /// The caller's roles.
    roles: Vec<String>,
    /// The caller's teams.
    caller_teams: Vec<String>,
    /// The scopes of the caller's key; none: all that the roles allow.
    scopes: Option<Vec<String>>,
    /// The team whose the object is.
    object_team: Option<String>,
}

/// Whether the caller may do something. The answer is the one that the request itself would get.
#[utoipa::path(get, path = "/api/auth/can-i", tag = "access", params(Question),
    responses((status = 200, body = CanI), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn can_i(
    State(app): State<AppState>,
    Caller(caller): Caller,
    Query(question): Query<Question>,
) -> Result<Json<CanI>, Problem> {
    Ok(Json(answer(&app, caller, question).await?.answer))
}

/// The same for several things at once, as pages ask. A question that would be refused is answered with no, and why.
#[utoipa::path(post, path = "/api/auth/can-i", tag = "access", request_body = Questions,
    responses((status = 200, body = Answers), (status = 400, body = ProblemDetails)))]
pub(crate) async fn can_i_all(
    State(app): State<AppState>,
    Caller(caller): Caller,
    Body(body): Body,
) -> Result<Json<Answers>, Problem> {
    let Questions { questions } =
        serde_json::from_slice(&body).map_err(|error| Problem::bad_request(error.to_string()))?;
    if questions.len() > TOGETHER {
        return Err(Problem::bad_request(format!("questions: {TOGETHER} at most, not {}", questions.len())));
    }
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let (action, object) = (question.action.clone(), question.object.clone());
        answers.push(match answer(&app, caller.clone(), question).await {
            Ok(explanation) => explanation.answer,
            Err(problem) if problem.is_server_error() => return Err(problem),
            Err(problem) => CanI {
                allowed: false,
                action: action.chars().take(64).collect(),
                object: object.map(|object| object.chars().take(256).collect()),
                teams: None,
                message: problem.detail().to_owned(),
                problem: Some(problem.code()),
            },
        });
    }
    Ok(Json(Answers { answers }))
}

/// As `can-i`, with what the answer rests on: policies, roles, teams, scopes.
#[utoipa::path(get, path = "/api/auth/explain", tag = "access", params(Question),
    responses((status = 200, body = Explanation), (status = 400, body = ProblemDetails), (status = 404, body = ProblemDetails)))]
pub(crate) async fn explain(
    State(app): State<AppState>,
    Caller(caller): Caller,
    Query(question): Query<Question>,
) -> Result<Json<Explanation>, Problem> {
    Ok(Json(answer(&app, caller, question).await?))
}

/// A question with its answer, before it is put in words.
struct Considered {
    /// What it was about; none: anything of the teams, or of the installation.
    object: Option<Object>,
    /// What would have to be allowed to somebody for them to be able to.
    stand_in: Object,
    decision: Decision,
    /// In whose things, when it was about no single one.
    teams: Option<Visible>,
}

async fn consider(
    app: &AppState,
    caller: &Principal,
    action: Action,
    object: Option<&str>,
) -> Result<Considered, Problem> {
    let subject = Subject::of(caller).map_err(|error| Problem::internal(&error))?;
    let kinds = app.policies.kinds(action);
    let is_for = |kind: &str| kinds.iter().any(|it| it == kind);
    if let Some(object) = object
        && !is_new(app, action, object).await?
    {
        let object = named(app, action, object).await?;
        // Who may not know of it is told what the request itself would be told, before anything else about it.
        let judged = gate::judge(app, caller.clone(), Rule { action, target: Target::Run }, object.clone()).await;
        if let Err(problem) = judged
            && problem.code() != "forbidden"
        {
            return Err(problem);
        }
        if !is_for(object.kind()) {
            let list: Vec<String> = kinds.iter().map(|kind| kind.to_lowercase()).collect();
            return Err(Problem::bad_request(format!("object: {action} is about: {}", list.join(" or "))));
        }
        let decision = app.policies.decide(&subject, action, &object);
        return Ok(Considered { object: Some(object.clone()), stand_in: object, decision, teams: None });
    }
    if is_for("Team") {
        let grant = Grant::new(app, caller.clone(), subject.clone(), action, Object::Instance);
        let visible = grant.visible(action).await?;
        let team = match &visible {
            Visible::All => Some(String::new()),
            Visible::Teams(teams) => teams.first().or(caller.teams.first()).cloned(),
        };
        let mut decision = app.policies.decide(&subject, action, &Object::Team(team.unwrap_or_else(|| "-".into())));
        decision.allowed &= visible != Visible::Teams(Vec::new());
        return Ok(Considered { object: None, stand_in: Object::Team("-".into()), decision, teams: Some(visible) });
    }
    let stand_in = match kinds.first().map(String::as_str) {
        Some("Instance") => Object::Instance,
        Some("Owned") => Object::Owned { name: "own".into(), owner: caller.id.to_string() },
        _ => return Err(Problem::bad_request(format!("object: {action} needs one"))),
    };
    let decision = app.policies.decide(&subject, action, &stand_in);
    Ok(Considered { object: None, stand_in, decision, teams: None })
}

async fn answer(app: &AppState, caller: Principal, question: Question) -> Result<Explanation, Problem> {
    let action = action(&question)?;
    let Considered { object, stand_in, decision, teams } =
        consider(app, &caller, action, question.object.as_deref()).await?;
    let roles = roles_that_may(&app.policies, action, &stand_in);
    let name = object.as_ref().map(Object::name);
    let to = name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let within = teams.as_ref().and_then(Visible::teams).filter(|teams| !teams.is_empty()).map(<[String]>::to_vec);
    let message = match (decision.allowed, &within) {
        (true, Some(teams)) => format!("yes, {} may {action}{to} in: {}", caller.name, teams.join(", ")),
        (true, None) => format!("yes, {} may {action}{to}", caller.name),
        (false, _) => format!("no, {} may not {action}{to}", caller.name),
    };
    Ok(Explanation {
        object_team: object.as_ref().and_then(Object::team).map(ToOwned::to_owned),
        answer: CanI {
            allowed: decision.allowed,
            action: action.to_string(),
            object: name,
            teams: within,
            message,
            problem: None,
        },
        policies: decision.policies,
        allowed_roles: roles.into_iter().map(ToOwned::to_owned).collect(),
        roles: caller.role_names().map(ToOwned::to_owned).collect(),
        name: caller.name,
        kind: caller.kind,
        caller_teams: caller.teams.into_iter().collect(),
        scopes: caller.scopes.map(|scopes| scopes.into_iter().collect()),
    })
}

/// Whether it is an application that nobody has yet and that is to be submitted: asked about as what a team is to have.
async fn is_new(app: &AppState, action: Action, object: &str) -> Result<bool, Problem> {
    let Some(name) = object.strip_prefix("application/") else { return Ok(false) };
    let submits = action == Action::ApplicationSubmit && !name.is_empty();
    Ok(submits && access::application(app.store.pool(), name).await?.is_none())
}

/// `run.cancel`, or `cancel` of what the object is.
fn action(question: &Question) -> Result<Action, Problem> {
    let noun = question.object.as_deref().and_then(|object| object.split('/').next()).unwrap_or_default();
    let noun = if noun == "workflow" { "run" } else { noun };
    let given: String = match question.action.as_str() {
        "approve" | "reject" => "decide".into(),
        verb => verb.chars().take(64).collect(),
    };
    let names = [given.clone(), format!("{noun}.{given}"), format!("approval.{given}"), format!("state.{given}")];
    let known = names.iter().find_map(|name| Action::named(name));
    known.ok_or_else(|| {
        let all = Action::ALL.iter().map(|action| action.as_str());
        let whole = if given.contains('.') { given.clone() } else { format!("{noun}.{given}") };
        let hint = did_you_mean(&nearest(&whole, all.clone()));
        let list = all.collect::<Vec<_>>().join(", ");
        Problem::bad_request(format!("action: there is no '{whole}'{hint}; there are: {list}"))
    })
}

/// What a text names.
async fn named(app: &AppState, action: Action, text: &str) -> Result<Object, Problem> {
    let (kind, rest) = text.split_once('/').unwrap_or((text, ""));
    let wrong = || {
        let text: String = text.chars().take(64).collect();
        let forms = "application/NAME, resource/ID, run/ID, run/ID/STEP, team/NAME";
        Problem::bad_request(format!("object: '{text}' is none of: {forms}"))
    };
    let id = |text: &str| text.parse::<Uuid>().map_err(|_| wrong());
    match kind {
        _ if rest.is_empty() => Err(wrong()),
        "application" => gate::application(&app.store, rest).await,
        "resource" => gate::resource(&app.store, id(rest)?).await,
        "run" | "workflow" => match rest.split_once('/') {
            Some((run, step)) => gate::approval(&app.store, id(run)?, step).await,
            None if action == Action::ApprovalDecide => {
                Err(Problem::bad_request(format!("object: {action} is about a step: run/ID/STEP")))
            }
            None => gate::run(&app.store, id(rest)?).await,
        },
        "team" => Ok(Object::Team(rest.to_owned())),
        _ => Err(wrong()),
    }
}
