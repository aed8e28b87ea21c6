//! As whom api, scheduler and worker use Slipway's own Postgres: each has a login of its own, and no more rights than it has
//! anywhere else. The owner of the database only brings the schema along.

use shared::{config::Config, store::roles::Program};

use super::{certificates::Certificates, files::Folders};

/// The logins and their passwords, the same at each start.
#[derive(Clone, Debug)]
pub(crate) struct Logins {
    passwords: Vec<(Program, String)>,
}

/// What each of the programs is configured with.
#[derive(Clone, Debug)]
pub(crate) struct Configs {
    /// As the owner of the database.
    pub(crate) owner: Config,
    /// The api's.
    pub(crate) api: Config,
    /// The scheduler's.
    pub(crate) scheduler: Config,
    /// The worker's.
    pub(crate) worker: Config,
}

/// The name of a program's login.
pub(crate) const fn login(program: Program) -> &'static str {
    match program {
        Program::Api => "api",
        Program::Scheduler => "scheduler",
        Program::Worker => "worker",
    }
}

impl Logins {
    /// Their passwords, made at the first call.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn prepare(folders: &Folders) -> anyhow::Result<Self> {
        let password = |program| Ok((program, folders.secret(&format!("database-password-{}", login(program)))?));
        Ok(Self { passwords: Program::ALL.into_iter().map(password).collect::<anyhow::Result<_>>()? })
    }

    /// Makes the logins and the roles that they are members of, whatever of it is there already.
    pub(crate) fn sql(&self) -> String {
        let mut sql = "DO $$ BEGIN\n".to_owned();
        for (program, password) in &self.passwords {
            let (role, login) = (program.role(), login(*program));
            for (name, create) in [(role, "NOLOGIN"), (login, "LOGIN")] {
                sql += &format!("IF to_regrole('{name}') IS NULL THEN CREATE ROLE {name} {create}; END IF;\n");
            }
            // Hex digits: nothing to quote.
            sql += &format!("ALTER ROLE {login} PASSWORD '{password}';\nGRANT {role} TO {login};\n");
        }
        sql + "END $$;\n\n"
    }

    /// The owner's configuration for each of the programs.
    pub(crate) fn configs(&self, owner: Config, certificates: Option<&Certificates>) -> Configs {
        let of = |program: Program| {
            let mut config = owner.clone();
            let password = self.passwords.iter().find(|(of, _)| *of == program).map(|(_, password)| password.as_str());
            let place = owner.database.url.rsplit_once('@').map_or("", |(_, place)| place);
            config.database.url = format!("postgres://{}:{}@{place}", login(program), password.unwrap_or_default());
            config.database.tls = certificates.map(|certificates| certificates.database_of(program));
            config
        };
        Configs { api: of(Program::Api), scheduler: of(Program::Scheduler), worker: of(Program::Worker), owner }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_has_its_own_login_to_the_same_database() {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::prepare(&folder.path().join(".slipway"), None, None).unwrap();
        let logins = Logins::prepare(&folders).unwrap();
        let mut owner = Config::default();
        owner.database.url = "postgres://slipway:secret@127.0.0.1:1/slipway".into();
        let configs = logins.configs(owner, None);
        for (config, login) in [(&configs.api, "api"), (&configs.scheduler, "scheduler"), (&configs.worker, "worker")] {
            let password = folders.secret(&format!("database-password-{login}")).unwrap();
            assert_eq!(config.database.url, format!("postgres://{login}:{password}@127.0.0.1:1/slipway"));
        }
        assert!(configs.owner.database.url.contains("slipway:secret"));
    }
}
