//! The roles of the three programs, and logins that are members of them. What each role may do is `grant_roles`, in the database.

use sqlx::PgPool;

use super::{Result, StoreError};

/// A program that has a role of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Takes requests.
    Api,
    /// Turns what should happen into runs.
    Scheduler,
    /// Drives runs.
    Worker,
}

impl Program {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Api, Self::Scheduler, Self::Worker];

    /// The role, of which its login is a member.
    #[must_use]
    pub const fn role(self) -> &'static str {
        match self {
            Self::Api => "slipway_api",
            Self::Scheduler => "slipway_scheduler",
            Self::Worker => "slipway_worker",
        }
    }
}

/// Makes sure that there is a login for the program, with this password, and the role that it is a member of. Needs an
/// administrator of the cluster; done twice, or by several at once, it does no harm.
///
/// # Errors
/// When Postgres cannot be reached, or the login of `administrator` may not make roles.
pub async fn ensure_login(administrator: &PgPool, program: Program, name: &str, password: &str) -> Result<()> {
    for (role, create) in [
        (program.role(), "SELECT format('CREATE ROLE %I NOLOGIN', $1, $2, $3)"),
        (name, "SELECT format('CREATE ROLE %I LOGIN PASSWORD %L IN ROLE %I', $1, $2, $3)"),
    ] {
        let known = "SELECT to_regrole(quote_ident($1)) IS NOT NULL";
        if sqlx::query_scalar::<_, bool>(known).bind(role).fetch_one(administrator).await? {
            continue;
        }
        let create: String =
            sqlx::query_scalar(create).bind(role).bind(password).bind(program.role()).fetch_one(administrator).await?;
        match sqlx::query(sqlx::AssertSqlSafe(create)).execute(administrator).await.map_err(StoreError) {
            Ok(_) => {}
            // Somebody else has made it in this moment.
            Err(error) if error.is_taken() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
