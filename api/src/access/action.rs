//! What can be asked for.

/// Declares the actions with their names.
macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What a request asks for. Scopes of keys, policies and the audit log call it by its name, `<noun>.<verb>`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub(crate) enum Action { $($(#[$doc])* $name,)+ }

        impl Action {
            /// Every action.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its name.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

actions! {
    /// Who one is, and what one may do.
    SelfRead = "self.read",
    /// The description of the API.
    DocumentRead = "document.read",

    KeyRead = "key.read",
    KeyCreate = "key.create",
    KeyRotate = "key.rotate",
    KeyRevoke = "key.revoke",
    SessionRead = "session.read",
    SessionEnd = "session.end",
    /// Rules of one's own about what one is told of.
    NotificationOwn = "notification.own",

    QueueRead = "queue.read",
    WorkerRead = "worker.read",
    LimitRead = "limit.read",
    FreezeRead = "freeze.read",
    /// Deployments, incidents and notes.
    MarkRead = "mark.read",
    ProviderRead = "provider.read",
    GoldenPathRead = "golden_path.read",

    AuditRead = "audit.read",
    MetricsRead = "metrics.read",
    ProviderSourceRead = "provider_source.read",
    /// Who is known, with what roles, in which teams.
    PeopleList = "people.list",
    ServiceAccountRead = "service_account.read",
    IntegrationRead = "integration.read",

    ApplicationRead = "application.read",
    ResourceRead = "resource.read",
    RunRead = "run.read",
    ApprovalRead = "approval.read",
    TeamRead = "team.read",
    /// What states there are and their versions, without content.
    StateList = "state.list",
    /// The names of secrets.
    SecretRead = "secret.read",
    WebhookRead = "webhook.read",
    /// What happens, as it happens.
    EventRead = "event.read",
    ViewRead = "view.read",
    /// One's own views.
    ViewWrite = "view.write",
    NotificationRead = "notification.read",
    BatchRead = "batch.read",

    /// Sensitive outputs of a resource.
    ResourceReveal = "resource.reveal",
    /// Inputs and sensitive outputs of a run.
    RunReveal = "run.reveal",
    /// The content of a state, which holds what its tool found sensitive.
    StateRead = "state.read",

    ApplicationSubmit = "application.submit",
    ApplicationDelete = "application.delete",
    ApplicationRollback = "application.rollback",
    /// Another time to live.
    ApplicationExtend = "application.extend",
    GoldenPathRun = "golden_path.run",
    RunCancel = "run.cancel",
    RunRetry = "run.retry",
    RunRerun = "run.rerun",
    /// Cancels or retries many at once, where one may cancel or retry each.
    RunBulk = "run.bulk",
    /// Makes a batch of resources, to each of which one may do the same.
    BatchCreate = "batch.create",
    /// Pauses one, lets it go on, ends it, takes back what it did.
    BatchAct = "batch.act",
    /// Lets a step begin that waits for a person.
    RunStart = "run.start",
    ResourceRetry = "resource.retry",
    /// Has the resource looked at.
    ResourceRefresh = "resource.refresh",
    ResourceReconcile = "resource.reconcile",
    ResourceAdopt = "resource.adopt",
    ResourceImport = "resource.import",
    ResourceForget = "resource.forget",
    ResourcePlan = "resource.plan",
    /// By Terraform's protocol, with its lock.
    StateWrite = "state.write",
    SecretWrite = "secret.write",
    WebhookCreate = "webhook.create",
    WebhookWrite = "webhook.write",
    /// Views of a team.
    ViewShare = "view.share",
    NotificationWrite = "notification.write",

    ApprovalDecide = "approval.decide",
    /// Lets a batch begin.
    BatchApprove = "batch.approve",

    MarkWrite = "mark.write",

    ApplicationProtect = "application.protect",
    StateUnlock = "state.unlock",
    StateRollback = "state.rollback",
    QuotaWrite = "quota.write",
    /// Pauses it, drains it, lets it go on; its priority.
    QueueWrite = "queue.write",
    /// What goes at once of a team, a type, a provider, a queue, a group.
    LimitWrite = "limit.write",
    /// Times in which nothing is to be changed.
    FreezeWrite = "freeze.write",
    /// Lets a run begin in spite of a freeze.
    FreezeOverride = "freeze.override",
    /// Cordons it, drains it.
    WorkerWrite = "worker.write",
    ProviderReload = "provider.reload",
    ProviderValidate = "provider.validate",
    ProviderSourceWrite = "provider_source.write",
    ServiceAccountWrite = "service_account.write",
    IntegrationWrite = "integration.write",
    SecretRotateKeys = "secret.rotate_keys",
}

impl Action {
    /// The action of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == name)
    }

    /// `run` of `run.cancel`.
    pub(crate) fn noun(self) -> &'static str {
        self.as_str().split('.').next().unwrap_or_default()
    }

    /// `run.*` of `run.cancel`.
    pub(crate) fn family(self) -> String {
        format!("{}.*", self.noun())
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether a key may be given this scope: the name of an action, or `noun.*`.
pub(crate) fn is_scope(text: &str) -> bool {
    Action::ALL.iter().any(|action| action.as_str() == text || action.family() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_is_found_by_its_name_and_is_of_one_family() {
        for action in Action::ALL {
            assert_eq!(Action::named(action.as_str()), Some(*action));
            assert_eq!(action.as_str().split('.').count(), 2, "{action}");
        }
        assert_eq!(Action::RunCancel.family(), "run.*");
        assert!(is_scope("run.*") && is_scope("run.read") && !is_scope("run") && !is_scope("*"));
    }
}
