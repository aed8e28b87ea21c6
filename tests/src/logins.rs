//! The logins that programs under test use: each is a member of its program's role, and may do no more than that.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use shared::{
    config::{Config, Database},
    store::{
        Store,
        roles::{self, Program},
    },
};

/// The same for all test databases of a cluster: roles belong to the cluster.
const PASSWORD: &str = "of-tests-alone";

/// The login of a program.
#[must_use]
pub const fn login(program: Program) -> &'static str {
    match program {
        Program::Api => "slipway_test_api",
        Program::Scheduler => "slipway_test_scheduler",
        Program::Worker => "slipway_test_worker",
    }
}

/// Makes sure that the cluster has the logins. `owner` leads to a database of it, as an administrator.
///
/// # Errors
/// When Postgres does not answer.
pub async fn ensure(owner: &Database) -> anyhow::Result<()> {
    let administrator = Store::connect(owner, "slipway-test")?;
    for program in Program::ALL {
        roles::ensure_login(administrator.pool(), program, login(program), PASSWORD).await?;
    }
    Ok(())
}

/// The URL with the program's login in the place of whoever it names.
///
/// # Errors
/// When it is none.
pub fn url_of(url: &str, program: Program) -> anyhow::Result<String> {
    let (scheme, rest) = url.split_once("://").with_context(|| format!("{url} is no URL"))?;
    let (_, place) = rest.rsplit_once('@').with_context(|| format!("{url} names no user"))?;
    Ok(format!("{scheme}://{}:{PASSWORD}@{place}", login(program)))
}

/// The owner's configuration, as the program has it: its own login, and for the api the owner's to bring the schema along.
///
/// # Errors
/// When the URL of the database cannot be read.
pub fn config_of(owner: &Config, program: Program) -> anyhow::Result<Config> {
    let mut config = owner.clone();
    config.database.url = url_of(&owner.database.url, program)?;
    if program == Program::Api {
        config.database.migration_url = Some(owner.database.url.clone());
    }
    Ok(config)
}

/// The name of the program's binary.
pub(crate) const fn binary(program: Program) -> &'static str {
    match program {
        Program::Api => "slipway-api",
        Program::Scheduler => "slipway-scheduler",
        Program::Worker => "slipway-worker",
    }
}

/// Writes the configuration of a program, and says where.
pub(crate) fn write_config(folder: &Path, owner: &Config, program: Program) -> anyhow::Result<PathBuf> {
    let file = folder.join(format!("{}.yaml", binary(program)));
    std::fs::write(&file, serde_json::to_string_pretty(&config_of(owner, program)?)?)?;
    Ok(file)
}
