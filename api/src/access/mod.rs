//! Who may do what: decided here, before a handler runs, by policies that are data (`api/policies`).
//!
//! A route is registered with the action it needs and what its path names ([`Routes`]); those that are not, as the pages of a login, are
//! listed with a reason in `tests/it/authorization.rs`, and one more fails there. [`gate`] finds the object's team, asks the policies, and leaves a [`Grant`] for what only the handler can know:
//! whose rows a list shows, and whose a new object will be.

mod action;
pub(crate) mod can_i;
mod gate;
mod grant;
mod object;
mod policies;
mod refusal;
mod route;
mod subject;
#[cfg(test)]
mod tests;

pub(crate) use action::{Action, is_scope};
pub(crate) use grant::Grant;
pub use policies::{Policies, PolicyError, PolicyMistake};
pub(crate) use route::{Routes, Target};
