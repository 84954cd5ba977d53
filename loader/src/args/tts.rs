//! `loader tts`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Speak a text
///
/// Asks the gateway that runs with the same state folder, or starts the plugins for the time of the
/// command. The providers are tried in the order of the setting `speech.providers`, the next when one
/// fails before it begins.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
#[command(after_long_help = "Examples:
  loader tts \"good morning\" -o morning.wav
  loader tts --locale de \"guten Morgen\" | aplay
  loader tts --telephony \"good morning\" -o morning.pcm   8 kHz or what the provider says, 16-bit PCM
  loader tts voices
  loader tts -- voices > voices.wav                      says the word `voices`")]
pub(crate) struct Tts {
    #[command(subcommand)]
    pub(crate) list: Option<TtsList>,

    /// What to say; `-` reads it from standard input
    #[arg(value_name = "TEXT", required = true)]
    pub(crate) text: Option<String>,

    /// The file to write the sound to
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// The voice, as `loader tts voices` lists it
    #[arg(long, value_name = "VOICE", default_value = "", hide_default_value = true)]
    pub(crate) voice: String,

    /// The language, such as `en-GB`, where no voice is named
    #[arg(long, value_name = "LOCALE", default_value = "", hide_default_value = true)]
    pub(crate) locale: String,

    /// How fast, where 1 is the voice's own speed
    #[arg(long, value_name = "FACTOR")]
    pub(crate) speed: Option<f64>,

    /// The provider that is to speak, and no other
    #[arg(long, value_name = "PROVIDER")]
    pub(crate) provider: Option<String>,

    /// Speak for a telephone line: plain 16-bit PCM without a header
    #[arg(long)]
    pub(crate) telephony: bool,
}

/// What there is to speak with.
#[derive(Subcommand)]
pub(crate) enum TtsList {
    /// List every provider's voices
    Voices,
    /// List the providers in the order they are tried
    Providers,
}
