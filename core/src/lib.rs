//! The engine: finds native plugins beside their manifests, proves them fit before one instruction
//! runs, loads exactly the bytes it proved, serves what they register, and retires them for good.
//!
//! # The flow, one way only
//!
//! ```text
//! files ─discover─▶ Candidate ─vet─▶ Vetted ─stage─▶ Staged ─probe─▶ Probed ─open─▶ Image
//!       ─start─▶ Generation ─publish─▶ Registry ─dispatch─▶ calls
//! ```
//!
//! Each arrow is one module, each box one type, and a later box can only be made from the one
//! before it: there is no function from a [`discovery::Candidate`] to an image.
//!
//! # Invariants
//!
//! * Knows no capability by name: contracts belong to the embedding program.
//! * Never prints, never reads the environment, never exits the process; [`probe::child`] alone
//!   ends the process it is the whole purpose of.
//! * `unsafe` lives in `image` and `platform` alone.
//! * Nothing of a plugin is stored by the host, and nothing of it runs on a host thread unless it
//!   is placed inline.

pub mod address;
pub mod audit;
mod configuration;
pub mod crash;
pub mod diagnostic;
pub mod digest;
pub mod discovery;
mod dispatch;
pub mod durable;
mod emission;
mod engine;
pub mod explain;
mod folder;
mod generation;
mod image;
pub mod installation;
pub mod manifest;
pub mod message;
pub mod moment;
pub mod nearest;
pub mod package;
mod platform;
pub mod probe;
mod processors;
mod registry;
pub mod reload;
pub mod service;
pub mod services;
mod signal;
pub mod skill;
pub mod staging;
pub mod stream;
pub mod trust;
pub mod vetting;
pub mod watch;

pub use configuration::{account_schema, check_account};
pub use dispatch::{BreakerPolicy, CallOptions, CallPolicy, MetricsSnapshot, OpenStream, Target};
pub use emission::LogFilter;
pub use engine::{
    Action, Activation, BeforeStart, Change, Decision, Enablement, Engine, Options, PluginOptions,
    PluginStats, ReloadOptions, ReloadRequest, Survey, Surveyed, SwitchedTo, Wanted, owned, policy,
    rehearse, survey, switched_on,
};
pub use generation::{Placement, Retained, Retirement};
pub use platform::{pthread_keys_in_use, unload_support};
pub use registry::{
    Capability, Contracts, Exclusive, PluginRecord, Registry, Snapshot, Status, Terms,
};
