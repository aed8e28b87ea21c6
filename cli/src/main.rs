//! `slipway`: the client, and `slipway dev`.

mod client;
mod commands;
mod connection;
mod credentials;
mod dev;
mod failure;
mod output;
mod terminal;
mod views;

use std::process::ExitCode;

use clap::Parser as _;

use crate::failure::Failure;

fn main() -> ExitCode {
    // The worker inside `slipway dev` renders templates in a child process, which is this program once more.
    worker::render::run_child_if_asked();
    let cli = commands::Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&anyhow::Error::from(error).context("starting")),
    };
    let outcome = runtime.block_on(commands::run(cli));
    // What is left runs on behalf of nobody (a look-up of a name, a read of standard input).
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    let failure = error.downcast_ref::<Failure>();
    if !matches!(failure, Some(Failure::Said(_))) {
        // Words of a server, a file or a repository may be among them.
        let text = format!("{error:#}");
        let lines: Vec<String> = text.lines().map(output::clean).collect();
        output::complain!("error: {}", lines.join("\n"));
    }
    ExitCode::from(failure.map_or(1, Failure::exit_code))
}
