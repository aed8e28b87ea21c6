//! Every command, in one place.

mod again;
mod app;
mod approval;
mod audit;
mod auth;
mod autoscale;
mod batch;
mod beside;
mod bulk;
mod care;
mod changes;
mod convert;
mod delete;
mod deploy;
mod doctor;
mod explain;
mod freeze;
mod golden_path;
mod graph;
mod integration;
mod key;
mod limit;
mod list;
mod login;
mod logs;
mod mark;
mod notification;
mod plan;
mod progress;
mod provider;
mod queue;
mod resource;
mod rollback;
mod run_wait;
mod runs;
mod secret;
mod service_account;
mod state;
mod status;
mod team;
mod top;
mod user;
mod validate;
mod wait;
mod webhook;
mod worker;
mod workflow;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{client::Client, connection, dev, output};

/// The flags that every command has.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Globals {
    #[command(flatten)]
    pub(crate) connection: connection::Flags,
    #[command(flatten)]
    output: output::Flags,
}

impl Globals {
    /// A client for the server that flags, environment or `.slipway/env` name.
    ///
    /// # Errors
    /// When none is named.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Client::new(self.connection.access()?)
    }

    /// What shows results.
    pub(crate) fn printer(&self) -> output::Printer {
        self.output.printer()
    }
}

/// Turns Score files into running resources, and shows how it goes.
#[derive(Debug, Parser)]
#[command(name = "slipway", version, propagate_version = true, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Examples:
  slipway dev                              start everything on this machine
  slipway deploy shop.yaml --wait          submit a Score file and watch it become real
  slipway status shop                      how its resources stand, and why they wait
  slipway logs RUN --follow                what the steps of a run print

Exit codes: 0 done; 1 it failed or a problem was found; 2 wrong usage; 124 a wait took too long; 130 interrupted")]
pub(crate) struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(dev::Arguments),
    Doctor(doctor::Arguments),
    Login(login::Arguments),
    Logout(login::LogoutArguments),
    Whoami(login::WhoamiArguments),
    Deploy(deploy::Arguments),
    Validate(validate::Arguments),
    List(list::Arguments),
    Top(top::Arguments),
    Status(status::Arguments),
    Explain(explain::Arguments),
    Logs(logs::Arguments),
    Delete(delete::Arguments),
    Rollback(rollback::Arguments),
    /// Applications: what was submitted, protection from deletion, time to live
    #[command(subcommand, visible_alias = "apps")]
    App(app::Command),
    /// Resources: list them, look at one, try a failed one again
    #[command(subcommand, visible_alias = "resources")]
    Resource(resource::Command),
    /// Workflow runs: list them, look at one, cancel, retry; start a golden path
    #[command(subcommand, visible_alias = "workflows")]
    Workflow(workflow::Command),
    /// Approvals: list what waits for a decision, approve, reject
    #[command(subcommand, visible_alias = "approvals")]
    Approval(approval::Command),
    /// Golden paths: list them, say what one takes, start one
    #[command(subcommand, visible_aliases = ["gp", "golden-paths"])]
    GoldenPath(golden_path::Command),
    /// What hangs together, and what took how long: a tree, or -o dot, mermaid, json
    #[command(subcommand)]
    Graph(graph::Command),
    /// Providers: list what is loaded, look at one, check a folder
    #[command(subcommand, visible_alias = "providers")]
    Provider(provider::Command),
    /// Kept states (Terraform's): list them and their versions, unlock, roll back
    #[command(subcommand, visible_alias = "states")]
    State(state::Command),
    /// Batches: one operation on very many resources, in waves; approve, pause, resume, abort, roll back
    #[command(subcommand, visible_alias = "batches")]
    Batch(batch::Command),
    /// Queues: depth, age, rates; pause, resume, drain
    #[command(subcommand, visible_alias = "queues")]
    Queue(queue::Command),
    /// Limits: how many runs of a team, a type, a provider, a queue or a group go at once
    #[command(subcommand, visible_alias = "limits")]
    Limit(limit::Command),
    /// Freezes: times in which nothing is to be changed
    #[command(subcommand, visible_alias = "freezes")]
    Freeze(freeze::Command),
    /// Marks: deployments, incidents and notes beside the figures
    #[command(subcommand, visible_alias = "marks")]
    Mark(mark::Command),
    /// Workers: who serves the queues; cordon, drain; run one here
    #[command(subcommand, visible_alias = "workers")]
    Worker(worker::Command),
    Autoscale(autoscale::Arguments),
    /// People: who is known, and the file of those with a password
    #[command(subcommand, visible_alias = "users")]
    User(user::Command),
    /// API keys: make one, list them, rotate, revoke
    #[command(subcommand, visible_alias = "keys")]
    Key(key::Command),
    /// Accounts of programs, with roles, teams and keys of their own
    #[command(subcommand, visible_aliases = ["sa", "service-accounts"])]
    ServiceAccount(service_account::Command),
    /// Teams: what each may use, and what it uses
    #[command(subcommand, visible_alias = "teams")]
    Team(team::Command),
    /// May I do that, and why (not)?
    #[command(subcommand)]
    Auth(auth::Command),
    /// Credentials for Git hosts, registries, clouds and chats: add, list, check, remove
    #[command(subcommand, visible_alias = "integrations")]
    Integration(integration::Command),
    /// Secrets of teams and applications: set, list, remove; and the keys that seal them
    #[command(subcommand, visible_alias = "secrets")]
    Secret(secret::Command),
    /// The audit log: list it, export it, verify that it is whole
    #[command(subcommand)]
    Audit(audit::Command),
    /// Webhooks: events sent to others, and how that went
    #[command(subcommand, visible_alias = "webhooks")]
    Webhook(webhook::Command),
    /// Notifications: what you and your teams are told of, by mail, chat or webhook
    #[command(subcommand, visible_alias = "notifications")]
    Notification(notification::Command),
    /// Prints a script that completes commands for a shell
    #[command(after_help = "Example:\n  slipway completion bash > /etc/bash_completion.d/slipway")]
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Prints the version
    Version,
}

/// Carries out a command line.
///
/// # Errors
/// When it fails; `crate::failure::Failure` inside says with which exit code.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<()> {
    let globals = cli.globals;
    match cli.command {
        Command::Dev(arguments) => dev::run(arguments).await,
        Command::Doctor(arguments) => doctor::run(&globals, arguments).await,
        Command::Login(arguments) => login::run(&globals, arguments).await,
        Command::Logout(arguments) => login::log_out(&globals, arguments).await,
        Command::Whoami(arguments) => login::who_am_i(&globals, arguments).await,
        Command::Deploy(arguments) => deploy::run(&globals, arguments).await,
        Command::Validate(arguments) => validate::run(&globals, &arguments),
        Command::Top(arguments) => top::run(&globals, arguments).await,
        Command::List(arguments) => list::run(&globals, arguments).await,
        Command::Status(arguments) => status::run(&globals, arguments).await,
        Command::Explain(arguments) => explain::run(&globals, arguments).await,
        Command::Logs(arguments) => logs::run(&globals, arguments).await,
        Command::Delete(arguments) => delete::run(&globals, arguments).await,
        Command::Rollback(arguments) => rollback::run(&globals, arguments).await,
        Command::App(command) => app::run(&globals, command).await,
        Command::Resource(command) => resource::run(&globals, command).await,
        Command::Workflow(command) => workflow::run(&globals, command).await,
        Command::Approval(command) => approval::run(&globals, command).await,
        Command::GoldenPath(command) => golden_path::run(&globals, command).await,
        Command::Graph(command) => graph::run(&globals, command).await,
        Command::State(command) => state::run(&globals, command).await,
        Command::Provider(command) => provider::run(&globals, command).await,
        Command::Limit(command) => limit::run(&globals, command).await,
        Command::Freeze(command) => freeze::run(&globals, command).await,
        Command::Mark(command) => mark::run(&globals, command).await,
        Command::Batch(command) => batch::run(&globals, command).await,
        Command::Queue(command) => queue::run(&globals, command).await,
        Command::Worker(command) => worker::run(&globals, command).await,
        Command::Autoscale(arguments) => autoscale::run(&globals, arguments).await,
        Command::Key(command) => key::run(&globals, command).await,
        Command::ServiceAccount(command) => service_account::run(&globals, command).await,
        Command::Team(command) => team::run(&globals, command).await,
        Command::User(command) => user::run(&globals, command).await,
        Command::Auth(command) => auth::run(&globals, command).await,
        Command::Integration(command) => integration::run(&globals, command).await,
        Command::Secret(command) => secret::run(&globals, command).await,
        Command::Audit(command) => audit::run(&globals, command).await,
        Command::Webhook(command) => webhook::run(&globals, command).await,
        Command::Notification(command) => notification::run(&globals, command).await,
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "slipway", &mut std::io::stdout());
            Ok(())
        }
        Command::Version => {
            output::print(&format!("slipway {}\n", env!("CARGO_PKG_VERSION")));
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    /// The texts below a folder with these endings, each with its path.
    fn texts(folder: &Path, endings: &[&str]) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(texts(&path, endings));
            } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
        found
    }

    #[test]
    fn every_command_that_the_guides_and_the_dashboard_name_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut files = texts(&root.join("docs"), &[".md"]);
        files.extend(texts(&root.join("dashboard/src"), &[".ts", ".tsx"]));
        files.push((root.join("README.md"), std::fs::read_to_string(root.join("README.md")).unwrap()));
        let mut cli = Cli::command();
        cli.build();
        let (mut named, mut missing) = (0, Vec::new());
        for (path, text) in &files {
            for (at, word) in text.match_indices("slipway ") {
                let before = &text[..at];
                if !(before.is_empty() || before.ends_with(['\n', '`', '\'', '"', '>']) || before.ends_with("$ ")) {
                    continue;
                }
                let line = text[at + word.len()..].lines().next().unwrap_or_default();
                let mut command = &cli;
                for word in
                    line.split(['`', '\'', '"', '<', ' ', ',', ';', '.', ')', '\\']).filter(|word| !word.is_empty())
                {
                    if !command.has_subcommands() || !word.starts_with(|c: char| c.is_ascii_lowercase()) {
                        break;
                    }
                    let Some(next) = command.find_subcommand(word) else {
                        missing.push(format!("{}: slipway {line}", path.display()));
                        break;
                    };
                    (command, named) = (next, named + 1);
                }
            }
        }
        assert!(named > 150, "only {named} commands are found");
        assert!(missing.is_empty(), "commands that are not there:\n{}", missing.join("\n"));
    }
}
