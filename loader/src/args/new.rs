//! `loader new`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Make the crate of a new plugin
///
/// Writes a folder with everything that a plugin needs: a manifest, code that does something small,
/// its test, and a README with the next commands. It builds at once with `cargo build --release`, and
/// `loader plugins link` uses it where it is. A folder that exists is not touched.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader new weather --kind provider              a provider of text, in ./weather
  loader new desk --kind channel --path ~/lines   a channel, in a folder of another name
  loader new pages --kind route --sdk ~/loader    against the SDK of this repository
  loader new words --kind tool                    something a model can have done")]
pub(crate) struct New {
    /// The plugin's id, which names its crate and its library too: lower-case letters, digits, `-`
    /// and `_`; of a command, words joined by `-`
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What it is to be
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Kind,
    /// The folder to make; without it, one of the plugin's name in the working directory
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// The repository of loader, or the folder `abi/sdk` in it; or a version of `loader-sdk`
    ///
    /// Without it, the repository that this program was built from, as long as it is there and nobody
    /// else can change it. A version is taken from the registry that cargo uses.
    #[arg(long, value_name = "DIR|VERSION")]
    pub(crate) sdk: Option<String>,
}

/// What a new plugin is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Continues conversations: `text-inference/1`
    Provider,
    /// Connects people: `channel/1`
    Channel,
    /// Answers HTTP requests below a path: `http-route/1`
    Route,
    /// Speaks text: `speech/1`
    Speech,
    /// Does something for a model, a person or a plugin: `tool/1`
    Tool,
    /// Takes part in what the gateway does: `hook/1`
    Hook,
    /// Works as long as the gateway serves: `service/1`
    Service,
    /// Works every so often: `scheduled-task/1`
    Task,
    /// Adds a command to `loader`: `cli-command/1`
    Command,
    /// Answers a command that people write in a chat: `chat-command/1`
    ChatCommand,
    /// Says how it is: `health/1`
    Health,
    /// Fetches pages of the web: `web-fetch/1`
    WebFetch,
}

impl Kind {
    /// Its name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Channel => "channel",
            Self::Route => "route",
            Self::Speech => "speech",
            Self::Tool => "tool",
            Self::Hook => "hook",
            Self::Service => "service",
            Self::Task => "task",
            Self::Command => "command",
            Self::ChatCommand => "chat-command",
            Self::Health => "health",
            Self::WebFetch => "web-fetch",
        }
    }
}
