//! Every command, in one place.

mod again;
mod app;
mod approval;
mod care;
mod changes;
mod convert;
mod delete;
mod deploy;
mod golden_path;
mod graph;
mod list;
mod logs;
mod plan;
mod progress;
mod provider;
mod queue;
mod resource;
mod rollback;
mod run_wait;
mod state;
mod status;
mod validate;
mod wait;
mod worker;
mod workflow;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{client::Client, connection, dev, output};

/// The flags that every command has.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Globals {
    #[command(flatten)]
    connection: connection::Flags,
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
    Deploy(deploy::Arguments),
    Validate(validate::Arguments),
    List(list::Arguments),
    Status(status::Arguments),
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
    /// Queues: depth, age, rates
    #[command(subcommand, visible_alias = "queues")]
    Queue(queue::Command),
    /// Workers: who serves the queues
    #[command(subcommand, visible_alias = "workers")]
    Worker(worker::Command),
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
        Command::Deploy(arguments) => deploy::run(&globals, arguments).await,
        Command::Validate(arguments) => validate::run(&globals, &arguments),
        Command::List(arguments) => list::run(&globals, arguments).await,
        Command::Status(arguments) => status::run(&globals, arguments).await,
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
        Command::Queue(command) => queue::run(&globals, command).await,
        Command::Worker(command) => worker::run(&globals, command).await,
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
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
