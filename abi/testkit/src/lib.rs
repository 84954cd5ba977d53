//! A host in a test: loads a plugin's built library the way the gateway does, with services that
//! answer from a table and remember what they were asked, and holds it to the contracts it provides.
//!
//! No gateway, no network and no configuration is needed. The library goes through the real engine
//! (vetted, staged, opened, started, unloaded), so what works here works there.
//!
//! # A test of one's own
//!
//! ```
//! use loader_testkit::Host;
//! use loader_contract::chat_command::{CONTRACT, ChatCommand, ChatReply};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The folder of `plugin.toml`; `cargo test` runs in the crate's.
//! let Some(plugin) = std::env::var_os("WEATHER_PLUGIN") else { return Ok(()) };
//! let weather = Host::new()
//!     .config(serde_json::json!({ "key": "secret:weather" }))
//!     .secret("weather", "abc")
//!     .fetches("https://weather.example/oslo", 200, r#"{"degrees":-3}"#)
//!     .load(plugin)
//!     .await?;
//! let command = ChatCommand { arguments: "oslo".into(), ..ChatCommand::default() };
//! let reply: ChatReply = weather.call(CONTRACT, "weather", "run", &command).await?;
//! assert_eq!(reply.text, "-3 °C");
//! assert_eq!(weather.captured().of("http-client/1", "fetch").len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # The contract suite
//!
//! [`suite::run`] asks a plugin for everything its contracts promise. `loader plugins test PATH` does
//! the same in a process of its own.
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`Host`], [`Loaded`] | a plugin in a test |
//! | [`Captured`] | what it asked of the host |
//! | [`subject`] | the plugin at a path |
//! | [`suite`] | the promises, contract by contract |
//! | [`junit`] | a report as other programs read it |

mod advice;
mod captured;
mod fake;
mod host;
pub mod junit;
mod loaded;
mod served;
pub mod subject;
pub mod suite;

pub use captured::{Capture, Captured};
pub use host::Host;
pub use loaded::Loaded;
pub use loader_core::{
    OpenStream, Retirement,
    message::{Failure, Message, Metadata},
};
pub use served::services;
