//! The gateway's own logic: consumers of the contracts, over an engine that knows none of them.
//!
//! | module | it consumes | it gives |
//! | --- | --- | --- |
//! | `models`, `inference` | `text-inference/1` | models by `<provider>/<model>`, answers whole or streamed |
//! | `speech` | `speech/1` | speech by the first provider that can; voices of them all |
//! | `channels`, `conversation` | `channel/1` | accounts kept connected, one turn after another |
//! | `hooks` | `hook/1` | plugins that take part in what the gateway does, in order |
//! | `tools` | `tool/1` | what models, people and plugins can have done |
//! | `web_fetch` | `web-fetch/1` | pages of the web by the first provider that can, from addresses that are allowed |
//! | `chat_commands` | `chat-command/1` | answers to `/name` in every chat |
//! | `cli_commands` | `cli-command/1` | commands of `loader` that plugins own |
//! | `background` | `service/1` | services started after the port listens, stopped in the opposite order |
//! | `tasks` | `scheduled-task/1` | tasks that run every so often |
//! | `routes` | `http-route/1` | which plugin answers a path |
//! | `health` | `health/1` | one verdict over all |
//! | `apply`, `difference` | | another configuration for a gateway that runs: only what differs is done |
//! | `survey`, `translation` | | what would be loaded; the configuration in the engine's words |
//! | `status` | | how plugins and accounts are doing, without asking them |
//! | [`picker`] | `channel/1` | channels that can be set up, those in catalogues too |
//! | [`setup`] | `channel/1` | which plugin a channel is set up for, and which settings are secrets |
//! | [`openai`] | | the OpenAI wire format to and from the contract |
//!
//! Never prints, never reads the environment, never exits.

mod advice;
mod apply;
mod asking;
mod background;
mod channels;
mod chat_commands;
mod cli_commands;
pub mod config;
mod conversation;
mod desk;
mod difference;
mod gateway;
mod health;
mod hooks;
mod inference;
mod models;
pub mod openai;
pub mod picker;
mod providers;
mod reconnection;
mod routes;
mod secrets;
pub mod setup;
mod shape;
mod signals;
mod speech;
mod status;
mod survey;
mod tasks;
mod tools;
mod translation;
mod web_fetch;

pub use apply::Applied;
pub use asking::{Answered, Question};
pub use channels::AccountView;
pub use difference::{AccountAction, AccountChange, Key, difference};
pub use gateway::{Gateway, Settings};
pub use health::GatewayHealth;
pub use inference::EventStream;
pub use models::ListedModel;
pub use routes::Route;
pub use shape::Shape;
pub use signals::{Signal, Signals};
pub use status::{GatewayStatus, PluginStatus, Process};
pub use survey::{SERVICE_NAMES, owned, policy, rehearse, survey, switched_on};
pub use translation::contracts;
