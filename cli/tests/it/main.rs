//! The program as a user types it: a module a subject.
//!
//! One program: a program for each subject would be as many links, of a quarter of a gigabyte each.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cli;
mod dev;
mod doctor;
mod login;
mod top;
mod user;
