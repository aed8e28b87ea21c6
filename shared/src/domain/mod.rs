//! The nouns of Slipway and the rules of their states. No I/O here.

pub mod approval;
pub mod change;
pub mod event;
pub mod group;
pub mod ids;
pub mod plan;
pub mod resource;
pub mod run;
pub mod states;
pub mod step;
pub mod wait;
