//! How routes are registered.

use axum::{Router, middleware::from_fn_with_state};
use utoipa::openapi::{OpenApi, extensions::ExtensionsBuilder, path::Operation};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt as _};

use super::{action::Action, gate};
use crate::state::AppState;

/// What the path of a route names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Nothing of a team's: the installation.
    Instance,
    /// What several teams have, as in a list, or what a team is to have. The handler asks its [`super::Grant`] whose.
    Teams,
    /// The team of `{team}`, else of `{name}`.
    Team,
    /// The application of `{app}`, else of `{name}`.
    Application,
    /// The resource of `{id}`.
    Resource,
    /// The run of `{id}`.
    Run,
    /// The step `{step}` of the run of `{id}`, which asks for a decision.
    Approval,
    /// The caller's own keys and logins.
    Own,
    /// The key of `{id}`.
    Key,
    /// The login of `{id}`.
    Session,
    /// The webhook endpoint of `{id}`.
    Webhook,
    /// The rule of a team about notifications, of `{id}`.
    Notification,
    /// A person's rule about notifications, of `{id}`.
    OwnNotification,
}

/// What a route needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    /// What is asked for.
    pub(super) action: Action,
    /// Of what.
    pub(super) target: Target,
}

/// The routes of the service, each with what it needs.
pub(crate) struct Routes {
    app: AppState,
    open: OpenApiRouter<AppState>,
    guarded: OpenApiRouter<AppState>,
}

impl std::fmt::Debug for Routes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Routes").finish_non_exhaustive()
    }
}

impl Routes {
    /// No routes yet.
    pub(crate) fn new(app: &AppState) -> Self {
        Self { app: app.clone(), open: OpenApiRouter::new(), guarded: OpenApiRouter::new() }
    }

    /// A route that whoever reaches the service may use. What it needs beside, a signature or a code, it looks at itself.
    pub(crate) fn open(self, routes: UtoipaMethodRouter<AppState>) -> Self {
        Self { open: self.open.routes(routes), ..self }
    }

    /// A route for known callers who may do this to what its path names. One method at a time: each does something else.
    pub(crate) fn add(self, routes: UtoipaMethodRouter<AppState>, action: Action, target: Target) -> Self {
        let rule = Rule { action, target };
        let (schemas, mut paths, methods) = routes;
        for item in paths.paths.values_mut() {
            let operations =
                [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch, &mut item.head];
            operations.into_iter().flatten().for_each(|operation| describe(operation, rule));
        }
        let gate = gate::Gate::new(&self.app, rule);
        let routes = (schemas, paths, methods).layer(from_fn_with_state(gate, gate::pass));
        Self { guarded: self.guarded.routes(routes), ..self }
    }

    /// The routes that anybody may use, those for known callers, and the description of all.
    pub(crate) fn split(self) -> (Router<AppState>, Router<AppState>, OpenApi) {
        let (open, mut description) = self.open.split_for_parts();
        let (guarded, rest) = self.guarded.split_for_parts();
        description.merge(rest);
        (open, guarded, description)
    }
}

/// Says in the description of the API what the route needs.
fn describe(operation: &mut Operation, rule: Rule) {
    let said = ExtensionsBuilder::new()
        .add("x-slipway-action", rule.action.as_str())
        .add("x-slipway-target", format!("{:?}", rule.target).to_lowercase())
        .build();
    operation.extensions.get_or_insert_with(Default::default).merge(said);
}
