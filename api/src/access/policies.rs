//! The policies: read and checked once, at start.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use cedar_policy::{
    Authorizer, Context, Decision as Cedar, Entities, Entity, EntityId, EntityTypeName, EntityUid, PolicyId, PolicySet,
    Request, RestrictedExpression, Schema, ValidationMode, Validator,
};
use miette::Diagnostic;

use super::{action::Action, object::Object, subject::Subject};

/// The policies that ship, and what they speak of.
const SHIPPED: &str = include_str!("../../policies/slipway.cedar");
pub(super) const SCHEMA: &str = include_str!("../../policies/slipway.cedarschema");

/// Bytes that a file of policies may have.
const MAX_BYTES: u64 = 1024 * 1024;

/// One thing that is wrong in a file of policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyMistake {
    /// The file.
    pub file: String,
    /// Line, from 1; 0: the file as a whole.
    pub line: usize,
    /// Column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for PolicyMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.message),
        }
    }
}

/// Policies that cannot be used. Nothing is decided by part of them.
#[derive(Clone, Debug, thiserror::Error)]
#[error("access.policies: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct PolicyError(pub Vec<PolicyMistake>);

impl PolicyError {
    fn whole(file: &str, message: impl ToString) -> Self {
        let file = file.to_owned();
        Self(vec![PolicyMistake { file, line: 0, column: 0, message: message.to_string() }])
    }
}

/// How a request was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// Whether it is allowed.
    pub(super) allowed: bool,
    /// The policies it rests on, by their ids: those that permit it, or those that forbid it. None: nothing permits it.
    pub(super) policies: Vec<String>,
}

/// An action, ready to be asked about.
#[derive(Debug)]
struct Prepared {
    uid: EntityUid,
    /// With the groups that it is in.
    entity: Entity,
    context: Context,
}

/// All policies in force, parsed and checked against the schema.
#[derive(Debug)]
pub struct Policies {
    set: PolicySet,
    authorizer: Authorizer,
    actions: HashMap<Action, Prepared>,
    schema: Schema,
    extended: bool,
}

impl Policies {
    /// The policies that ship, and those of these files.
    ///
    /// # Errors
    /// With everything that is wrong in the first file that is not valid.
    pub fn load(files: &[PathBuf]) -> Result<Self, PolicyError> {
        let schema = Schema::from_cedarschema_str(SCHEMA);
        let (schema, _) = schema.map_err(|error| PolicyError::whole("slipway.cedarschema", error))?;
        let mut set = PolicySet::new();
        let mut ids = BTreeSet::new();
        add(&mut set, &mut ids, &schema, "slipway.cedar", SHIPPED)?;
        for path in files {
            let file = path.display().to_string();
            let text = read(path).map_err(|error| PolicyError::whole(&file, error))?;
            add(&mut set, &mut ids, &schema, &file, &text)?;
        }
        let actions = prepared(&schema).map_err(|error| PolicyError::whole("slipway.cedarschema", error))?;
        Ok(Self { set, authorizer: Authorizer::new(), actions, schema, extended: !files.is_empty() })
    }

    /// Whether an instance has added policies of its own.
    pub(super) fn extended(&self) -> bool {
        self.extended
    }

    /// Whether somebody may do this to that. What cannot be decided is not allowed.
    pub(super) fn decide(&self, subject: &Subject, action: Action, object: &Object) -> Decision {
        let refused = Decision { allowed: false, policies: Vec::new() };
        let Some(asked) = self.actions.get(&action) else {
            tracing::error!(action = action.as_str(), "the schema of the policies has no such action");
            return refused;
        };
        let answer = object.entity().and_then(|object| {
            let resource = object.uid();
            let entities = Entities::from_entities([subject.entity().clone(), object, asked.entity.clone()], None)?;
            let principal = subject.entity().uid();
            let request = Request::new(principal, asked.uid.clone(), resource, asked.context.clone(), None)?;
            Ok(self.authorizer.is_authorized(&request, &self.set, &entities))
        });
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                tracing::error!(%error, action = action.as_str(), "a request could not be decided");
                return refused;
            }
        };
        // One that could not be evaluated may have been one that forbids.
        if let Some(error) = answer.diagnostics().errors().next() {
            tracing::error!(%error, action = action.as_str(), "a policy could not be evaluated; refused");
            return refused;
        }
        let mut policies: Vec<String> = answer.diagnostics().reason().map(ToString::to_string).collect();
        policies.sort();
        Decision { allowed: answer.decision() == Cedar::Allow, policies }
    }

    /// The kinds of objects that an action is about, as the schema calls them.
    pub(super) fn kinds(&self, action: Action) -> Vec<String> {
        let kinds = self.actions.get(&action).and_then(|it| self.schema.resources_for_action(&it.uid));
        let mut kinds: Vec<String> = kinds.into_iter().flatten().map(ToString::to_string).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    #[cfg(test)]
    pub(super) fn schema(&self) -> &Schema {
        &self.schema
    }
}

/// What a name of the schema, or a value of an attribute, can be wrong about; a mistake of this module.
pub(super) type Unfit = Box<dyn std::error::Error + Send + Sync>;

fn read(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(std::io::Error::other(format!("it is longer than {MAX_BYTES} bytes")));
    }
    Ok(text)
}

/// Parses and checks one file, and adds its policies under the ids that they are annotated with.
fn add(
    set: &mut PolicySet,
    ids: &mut BTreeSet<String>,
    schema: &Schema,
    file: &str,
    text: &str,
) -> Result<(), PolicyError> {
    let parsed: PolicySet = text.parse().map_err(|errors: cedar_policy::ParseErrors| {
        PolicyError(errors.iter().map(|error| mistake(file, text, error)).collect())
    })?;
    if parsed.templates().next().is_some() {
        return Err(PolicyError::whole(file, "templates (`?principal`, `?resource`) are not taken; write policies"));
    }
    let checked = Validator::new(schema.clone()).validate(&parsed, ValidationMode::Strict);
    let wrong: Vec<PolicyMistake> = checked.validation_errors().map(|error| mistake(file, text, error)).collect();
    if !wrong.is_empty() {
        return Err(PolicyError(wrong));
    }
    for policy in parsed.policies() {
        let name = policy.annotation("id").map_or_else(|| format!("{file}#{}", policy.id()), str::to_owned);
        if !ids.insert(name.clone()) {
            return Err(PolicyError::whole(file, format!("the policy id '{name}' is taken; give it another `@id`")));
        }
        set.add(policy.new_id(PolicyId::new(name))).map_err(|error| PolicyError::whole(file, error))?;
    }
    Ok(())
}

/// The mistake, with the place that it names first.
fn mistake<E: Diagnostic + fmt::Display>(file: &str, text: &str, error: &E) -> PolicyMistake {
    let offset = error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset());
    let before = offset.and_then(|offset| text.get(..offset));
    let line = before.map_or(0, |before| before.matches('\n').count() + 1);
    let column = before.map_or(0, |before| before.rsplit('\n').next().unwrap_or_default().chars().count() + 1);
    PolicyMistake { file: file.to_owned(), line, column, message: error.to_string() }
}

fn prepared(schema: &Schema) -> Result<HashMap<Action, Prepared>, Unfit> {
    let known = schema.action_entities()?;
    let mut all = HashMap::new();
    for action in Action::ALL {
        let uid = uid("Action", action.as_str())?;
        let Some(entity) = known.get(&uid).cloned() else {
            return Err(format!("the action {action} is not in it").into());
        };
        let text = |text: String| RestrictedExpression::new_string(text);
        let context = Context::from_pairs([
            ("action".to_owned(), text(action.as_str().to_owned())),
            ("family".to_owned(), text(action.family())),
        ])?;
        all.insert(*action, Prepared { uid, entity, context });
    }
    Ok(all)
}

/// `Kind::"id"`.
pub(super) fn uid(kind: &'static str, id: &str) -> Result<EntityUid, Unfit> {
    // Parsing a name costs more than all the rest of a decision, so each is parsed once.
    static KINDS: std::sync::LazyLock<std::sync::RwLock<HashMap<&'static str, EntityTypeName>>> =
        std::sync::LazyLock::new(Default::default);
    let known = KINDS.read().ok().and_then(|kinds| kinds.get(kind).cloned());
    let name = match known {
        Some(name) => name,
        None => {
            let name: EntityTypeName = kind.parse()?;
            if let Ok(mut kinds) = KINDS.write() {
                kinds.insert(kind, name.clone());
            }
            name
        }
    };
    Ok(EntityUid::from_type_name_and_id(name, EntityId::new(id)))
}

/// A set of texts, as an attribute.
pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(texts.into_iter().map(|text| RestrictedExpression::new_string(text.to_owned())))
}
