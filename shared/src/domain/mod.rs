//! The nouns of Slipway and the rules of their states. No I/O here.

pub mod access;
pub mod announcement;
pub mod approval;
pub mod audit;
pub mod batch;
pub mod change;
pub mod checkpoint;
pub mod event;
pub mod explain;
pub mod freeze;
pub mod given;
pub mod group;
pub mod histogram;
pub mod ids;
pub mod notification;
pub mod plan;
pub mod posture;
pub mod quota;
pub mod resource;
pub mod run;
pub mod service;
pub mod states;
pub mod step;
pub mod wait;
pub mod words;
