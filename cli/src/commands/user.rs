//! `slipway user`: the file with people who log in by a password.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use nix::fcntl::{Flock, FlockArg};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    config::Config,
    domain::access::Role,
    password,
    people::{People, Person, is_name},
};

use super::{
    Globals,
    list::{Many, query},
};
use crate::{
    output::{Printer, age, clean, warn},
    terminal, views,
};

#[derive(Clone, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Adds somebody, and asks twice for their password
    #[command(after_help = "Examples:
  slipway user add ada --role developer --team shop
  slipway user add ops --role admin --file /etc/slipway/people.yaml
  pass show slipway/ada | slipway user add ada --role viewer --team shop --password-stdin")]
    Add {
        #[command(flatten)]
        who: Who,
        /// admin, developer, viewer, approver, auditor, or one of the house's own, which counts for approvals that name it
        #[arg(long = "role", value_name = "ROLE", required = true)]
        roles: Vec<String>,
        /// A team that they belong to
        #[arg(long = "team", value_name = "TEAM")]
        teams: Vec<String>,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Changes somebody's roles or teams
    #[command(
        after_help = "Example:\n  slipway user set ada --role developer --role approver --team shop --team billing"
    )]
    Set {
        #[command(flatten)]
        who: Who,
        /// Their roles from now on; as they are when none is given
        #[arg(long = "role", value_name = "ROLE", required_unless_present = "teams")]
        roles: Vec<String>,
        /// Their teams from now on; as they are when none is given
        #[arg(long = "team", value_name = "TEAM")]
        teams: Vec<String>,
    },
    /// Gives somebody a new password, which ends their browsers' sessions
    #[command(after_help = "Example:\n  slipway user passwd ada")]
    Passwd {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        password: PasswordFrom,
    },
    /// Lists people: those the server knows, or with --file those of the file
    #[command(
        visible_alias = "ls",
        after_help = "Examples:
  slipway user list
  slipway user list --team shop -o json
  slipway user list --file /etc/slipway/people.yaml

Where no server is named, the file of the configuration is read."
    )]
    List {
        #[command(flatten)]
        file: FileFlag,
        /// Only people of this team
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
        /// Those who are kept out, too; a file always shows them
        #[arg(long)]
        disabled: bool,
        #[command(flatten)]
        many: Many,
    },
    /// Keeps somebody out: their sessions end, their keys are refused until `slipway user enable`
    #[command(after_help = "Example:\n  slipway user disable ada")]
    Disable(Who),
    /// Lets somebody in again
    #[command(after_help = "Example:\n  slipway user enable ada")]
    Enable(Who),
    /// Removes somebody: their sessions end, their keys are revoked for good
    #[command(visible_alias = "rm", after_help = "Example:\n  slipway user remove ada")]
    Remove(Who),
}

/// Who, and where they are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Who {
    /// What they log in as
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    file: FileFlag,
}

/// Where people are.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FileFlag {
    /// The file [default: identity.people_file of the configuration that SLIPWAY_CONFIG names, or .slipway/people.yaml]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Where a password comes from.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct PasswordFrom {
    /// Reads the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordFrom {
    fn hash(self, name: &str) -> anyhow::Result<String> {
        let secret = if self.password_stdin { terminal::password_from_stdin()? } else { terminal::new_password(name)? };
        Ok(password::hash(&secret)?)
    }
}

impl FileFlag {
    fn path(&self) -> anyhow::Result<PathBuf> {
        if let Some(path) = &self.file {
            return Ok(path.clone());
        }
        if let Some(path) = Config::load(None)?.identity.people_file {
            return Ok(path);
        }
        let here = std::env::current_dir().context("finding the current folder")?;
        let folder = here.ancestors().map(|folder| folder.join(".slipway")).find(|folder| folder.is_dir());
        folder.map(|folder| folder.join("people.yaml")).context(
            "no file with people: give --file, or set SLIPWAY_CONFIG to a configuration that names one (identity.people_file)",
        )
    }
}

/// Carries it out.
///
/// # Errors
/// When the file cannot be read or written, or somebody is not there, or is there already; when the server cannot be reached or
/// says no.
pub(crate) async fn run(globals: &Globals, command: Command) -> anyhow::Result<()> {
    let (file, said, shown) = match command {
        Command::List { file, team, disabled, many } => {
            if file.file.is_none() && globals.connection.server().is_ok() {
                let filters = query([("team", team), ("disabled", disabled.then(|| "true".to_owned()))]);
                return many.show(globals, "/api/people", &filters, known).await;
            }
            let path = file.path()?;
            let people = People::read(&path)?.unwrap_or_default();
            let is_wanted = |person: &&Person| team.as_ref().is_none_or(|team| person.teams.contains(team));
            let items: Vec<Value> = people.people.iter().filter(is_wanted).map(view).collect();
            return globals.printer().print(&json!({ "items": items }), table);
        }
        Command::Add { who, roles, teams, password } => {
            anyhow::ensure!(is_name(&who.name), "'{}' is no name: 1 to 63 of a-z, 0-9, '.', '_', '@', '-'", who.name);
            let path = who.file.path()?;
            // Asked before anything is locked, and not at all for somebody who is there.
            anyhow::ensure!(
                People::read(&path)?.unwrap_or_default().find(&who.name).is_none(),
                "{} is in {} already; `slipway user set` and `passwd` change them",
                who.name,
                path.display()
            );
            note_own_roles(&roles);
            let password = password.hash(&who.name)?;
            let person = Person { name: who.name.clone(), password, roles, teams, disabled: false };
            change(&path, |people| {
                anyhow::ensure!(people.find(&person.name).is_none(), "{} was added meanwhile", person.name);
                people.people.push(person.clone());
                Ok(view(&person))
            })
            .map(|shown| (path, "added", shown))?
        }
        Command::Set { who, roles, teams } => {
            note_own_roles(&roles);
            edit(who, "changed", |person| {
                if !roles.is_empty() {
                    person.roles = roles;
                }
                if !teams.is_empty() {
                    person.teams = teams;
                }
            })?
        }
        Command::Passwd { who, password } => {
            let hash = password.hash(&who.name)?;
            edit(who, "has a new password", |person| person.password = hash)?
        }
        Command::Disable(who) => edit(who, "disabled", |person| person.disabled = true)?,
        Command::Enable(who) => edit(who, "enabled", |person| person.disabled = false)?,
        Command::Remove(who) => {
            let path = who.file.path()?;
            let shown = change(&path, |people| {
                let shown = view(found(people, &who.name, &path)?);
                people.people.retain(|person| person.name != who.name);
                Ok(shown)
            })?;
            (path, "removed", shown)
        }
    };
    globals.printer().print(&shown, |_, shown| {
        let name = clean(shown["name"].as_str().unwrap_or_default());
        Ok(format!("{name}: {said} ({}); a running api knows within a second\n", file.display()))
    })
}

fn edit(who: Who, said: &'static str, how: impl FnOnce(&mut Person)) -> anyhow::Result<(PathBuf, &'static str, Value)> {
    let path = who.file.path()?;
    let shown = change(&path, |people| {
        let person = found(people, &who.name, &path)?;
        how(person);
        Ok(view(person))
    })?;
    Ok((path, said, shown))
}

fn found<'a>(people: &'a mut People, name: &str, path: &Path) -> anyhow::Result<&'a mut Person> {
    let person = people.people.iter_mut().find(|person| person.name == name);
    person.with_context(|| format!("there is nobody called '{}' in {}", clean(name), path.display()))
}

/// Changes the file, one program at a time.
fn change<T>(path: &Path, how: impl FnOnce(&mut People) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let held = std::fs::File::open(folder).with_context(|| format!("opening {}", folder.display()))?;
    let held = Flock::lock(held, FlockArg::LockExclusive).map_err(|(_, error)| error);
    let _held = held.with_context(|| format!("locking {}", folder.display()))?;
    let mut people = People::read(path)?.unwrap_or_default();
    let outcome = how(&mut people)?;
    people.check().map_err(anyhow::Error::msg)?;
    people.write(path)?;
    Ok(outcome)
}

/// Says which roles are none of Slipway's: they may be meant, or mistyped.
fn note_own_roles(roles: &[String]) {
    for role in roles.iter().filter(|role| role.parse::<Role>().is_err()) {
        let known: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        warn(&format!(
            "'{}' is none of Slipway's roles ({}): it counts for approvals that name it, and for nothing else",
            clean(role),
            known.join(", ")
        ));
    }
}

/// Somebody, without the hash of their password.
fn view(person: impl std::borrow::Borrow<Person>) -> Value {
    let person = person.borrow();
    json!({ "name": person.name, "roles": person.roles, "teams": person.teams, "disabled": person.disabled })
}

/// Somebody whom the server knows.
#[derive(Deserialize)]
struct Known {
    name: String,
    issuer: Option<String>,
    roles: Vec<String>,
    teams: Vec<String>,
    last_seen_at: Option<DateTime<Utc>>,
    disabled_at: Option<DateTime<Utc>>,
}

fn known(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let people: Vec<Known> = views::items(value)?;
    if people.is_empty() {
        return Ok(
            "nobody yet: who logs in is listed here\n  slipway user add NAME --role developer --team TEAM\n".into()
        );
    }
    let listed = |names: &[String]| if names.is_empty() { "-".to_owned() } else { names.join(",") };
    let rows = people.iter().map(|it| {
        let state = if it.disabled_at.is_some() { "disabled" } else { "enabled" };
        vec![
            it.name.clone(),
            listed(&it.roles),
            listed(&it.teams),
            it.issuer.clone().unwrap_or_else(|| "file".into()),
            age(it.last_seen_at),
            state.into(),
        ]
    });
    Ok(printer.table(&["NAME", "ROLES", "TEAMS", "FROM", "SEEN", "STATE"], rows.collect()))
}

fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let items = value["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    if items.is_empty() {
        return Ok("nobody yet: `slipway user add NAME --role developer --team TEAM` adds somebody\n".into());
    }
    let listed = |value: &Value| {
        let names: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if names.is_empty() { "-".to_owned() } else { names.join(",") }
    };
    let rows = items.iter().map(|it| {
        let state = if it["disabled"] == true { "disabled" } else { "enabled" };
        vec![
            it["name"].as_str().unwrap_or_default().to_owned(),
            listed(&it["roles"]),
            listed(&it["teams"]),
            state.into(),
        ]
    });
    Ok(printer.table(&["NAME", "ROLES", "TEAMS", "STATE"], rows.collect()))
}
