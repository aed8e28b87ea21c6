//! For whom a run may ask for applications.

use sqlx::PgExecutor;

use crate::{
    domain::{access::Visible, ids::RunId},
    store::Result,
};

/// Stands for every team.
const EVERY: &str = "*";

/// What [`super::NewRun::acts_for`] is for whoever may act for these teams.
#[must_use]
pub fn acting(teams: &Visible) -> Vec<String> {
    teams.teams().map_or_else(|| vec![EVERY.to_owned()], <[String]>::to_vec)
}

/// Lets the steps of a run, and of those that they start, ask for applications of these teams too; of its own they may always.
///
/// # Errors
/// When Postgres cannot be reached.
pub async fn let_act_for(executor: impl PgExecutor<'_>, id: RunId, teams: &Visible) -> Result<()> {
    sqlx::query!("UPDATE run SET acts_for = $2 WHERE id = $1", id.0, &acting(teams)).execute(executor).await?;
    Ok(())
}

/// Whether a run of this team, let act for these, may act for that one.
pub(in crate::store) fn acts_for(own: &str, others: &[String], team: &str) -> bool {
    own == team || others.iter().any(|other| other == EVERY || other == team)
}

#[cfg(test)]
mod tests {
    use super::acts_for;

    #[test]
    fn a_run_acts_for_its_own_team_and_those_it_was_let() {
        assert!(acts_for("payments", &[], "payments"));
        assert!(!acts_for("payments", &["search".into()], "rivals"));
        assert!(acts_for("payments", &["search".into()], "search"));
        assert!(acts_for("payments", &["*".into()], "rivals"));
    }
}
