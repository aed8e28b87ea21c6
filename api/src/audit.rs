//! The record of changes: what handlers write to it, and how it is read.

mod list;
mod trail;

pub(crate) use list::*;
pub(crate) use trail::{Trail, origin, refusals};
