//! `loader plugins`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Doctor, Test};

/// Look at plugins, install them and take them out, without running any of their code
#[derive(Subcommand)]
pub(crate) enum Plugins {
    /// List every plugin that is found and whether it would be loaded
    List,
    Inspect(Inspect),
    Install(Install),
    Update(Update),
    Rollback(Rollback),
    Remove(Remove),
    History(History),
    Diff(Diff),
    Search(Search),
    Pack(Pack),
    Link(Link),
    Unlink(Unlink),
    Deny(Deny),
    Allow(Allow),
    Reload(Reload),
    Doctor(Doctor),
    Audit(Audit),
    Test(Test),
    #[command(subcommand)]
    Quarantine(Quarantine),
}

/// Have the running gateway replace a plugin with what its files are now
///
/// The fresh generation is vetted, tried, opened and started beside the one that serves, takes over its
/// state and calls, and is watched for a while; whatever goes wrong leaves the old one serving or
/// brings it back. Bytes that did badly before are tried again. Ends with 1 when the old one serves.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader plugins reload irc                  and wait until the fresh generation is trusted
  loader plugins reload irc --window 0       trust it at once
  loader reloads list                        what was reloaded, and what came of it")]
pub(crate) struct Reload {
    /// The plugin's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,

    /// How long the fresh generation is watched, in milliseconds [default: plugins.reload.window_ms]
    #[arg(long, value_name = "MS")]
    pub(crate) window: Option<u64>,

    /// Let go of state that the fresh generation cannot read
    #[arg(long)]
    pub(crate) discard_state: bool,

    /// Do not wait for the watch: answer when the fresh generation serves
    #[arg(long)]
    pub(crate) no_wait: bool,
}

/// Show what a library needs of this machine and would bring into the process
///
/// Reads the file and runs nothing of it: the oldest C library it works with, what it needs and
/// whether that is here, what runs by itself when it is opened, what it calls, how its memory is
/// protected. Fails when something would keep it from working here.
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader plugins audit                    every plugin that is found
  loader plugins audit irc                one plugin
  loader plugins audit ./libmine.so       a library that is no plugin's yet")]
pub(crate) struct Audit {
    /// The id of a plugin, or a library; without it, every plugin
    #[arg(value_name = "ID|FILE")]
    pub(crate) subject: Option<String>,
}

/// Look at libraries that did damage, and have them tried or served again
///
/// Before a library is opened for the first time, it is opened in a process of its own. One that
/// crashes there, or does not come to an end, is not tried again until its bytes change; nor is one
/// served again that crashed the gateway.
#[derive(Subcommand)]
pub(crate) enum Quarantine {
    /// List the libraries in quarantine, with what they did and when
    List,
    Clear(Clear),
}

/// Let libraries out of quarantine: the next start tries and serves them again
#[derive(Args)]
#[command(after_long_help = "Examples:
  loader plugins quarantine clear irc      whatever the plugin irc has in quarantine
  loader plugins quarantine clear --all    everything")]
pub(crate) struct Clear {
    /// The SHA-256 digest of a library, or the id of a plugin
    #[arg(value_name = "DIGEST|ID", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) subject: Option<String>,

    /// Every library
    #[arg(long)]
    pub(crate) all: bool,
}

/// Show everything about one plugin: its manifest, its library, and why it would be loaded or not
#[derive(Args)]
pub(crate) struct Inspect {
    /// The plugin's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// Install a plugin, or another release of one, from a folder, an archive, a URL or a catalogue
#[derive(Args)]
pub(crate) struct Install {
    /// A plugin folder, an archive, an `http(s)://` URL, or an id in a catalogue; without it, what the
    /// lock names and is not there
    #[arg(value_name = "SOURCE", required_unless_present = "frozen")]
    pub(crate) source: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Install exactly what the lock names, and fail if that is not what the source holds
    #[arg(long)]
    pub(crate) frozen: bool,
    /// Agree to a release that registers or requires more than the one before
    #[arg(long)]
    pub(crate) accept: bool,
    /// Agree to a release that is older than one that was installed before
    #[arg(long)]
    pub(crate) allow_downgrade: bool,
    /// Consider prereleases too, where a catalogue is asked
    #[arg(long)]
    pub(crate) prerelease: bool,
}

/// Install the newest release of plugins from where each came from
#[derive(Args)]
pub(crate) struct Update {
    /// The plugins' ids
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub(crate) ids: Vec<String>,
    /// Update every plugin that is installed
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Agree to releases that register or require more than the ones before
    #[arg(long)]
    pub(crate) accept: bool,
    /// Consider prereleases too, where a catalogue is asked
    #[arg(long)]
    pub(crate) prerelease: bool,
}

/// Go back to the release that was in use before
#[derive(Args)]
pub(crate) struct Rollback {
    /// The plugin's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// The version to go back to, one of those that `history` shows
    #[arg(value_name = "VERSION")]
    pub(crate) version: Option<String>,
}

/// Take a plugin out, with every release of it that was kept
#[derive(Args)]
pub(crate) struct Remove {
    /// The plugin's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    /// Leave the files where they are; they count no more
    #[arg(long)]
    pub(crate) keep_files: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Show what was installed, updated, rolled back and removed
#[derive(Args)]
pub(crate) struct History {
    /// Only of the plugin of this id
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
}

/// Show in what two releases differ: what they register and require, and their files
#[derive(Args)]
pub(crate) struct Diff {
    /// A release: `ID` for the one in use, `ID@VERSION` for one that is kept, or a plugin folder
    #[arg(value_name = "A")]
    pub(crate) before: String,
    /// Another one
    #[arg(value_name = "B")]
    pub(crate) after: String,
}

/// List the packages in the catalogues that the configuration names
#[derive(Args)]
pub(crate) struct Search {
    /// Only those whose id or description has this in it
    #[arg(value_name = "WORD", default_value = "", hide_default_value = true)]
    pub(crate) word: String,
    /// List prereleases too
    #[arg(long)]
    pub(crate) prerelease: bool,
}

/// Make an archive of a plugin folder, to publish it: the same files make the same bytes
#[derive(Args)]
pub(crate) struct Pack {
    /// The folder that holds the manifest, the libraries for every platform, and nothing else
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// The archive; without it, `ID-VERSION.ldr` in the working directory
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Make another release of this number, which must be higher than the one before
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=i64::MAX as u64))]
    pub(crate) serial: Option<u64>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Use a plugin folder under development where it is
#[derive(Args)]
pub(crate) struct Link {
    /// The folder that holds the manifest
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// Stop using a linked folder; the folder stays
#[derive(Args)]
pub(crate) struct Unlink {
    /// The plugin's id
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

/// Never run these bytes any more; a running gateway stops them within seconds
#[derive(Args)]
pub(crate) struct Deny {
    /// The SHA-256 digest of a library or a manifest, or the id of a plugin for its library
    #[arg(value_name = "DIGEST|ID")]
    pub(crate) what: String,
    /// Why, in one line
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

/// Take a denial back
#[derive(Args)]
pub(crate) struct Allow {
    /// The digest
    #[arg(value_name = "DIGEST")]
    pub(crate) digest: String,
}
