//! The options that every command takes.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use crate::env_vars;

/// The options that every command takes.
#[derive(Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The folder for state: the token, the plugins' data
    ///
    /// The default is `$XDG_STATE_HOME/loader`, or else `~/.local/state/loader`. One gateway at a
    /// time may use a state folder.
    #[arg(long, global = true, value_name = "DIR", env = env_vars::STATE_DIR.name)]
    #[arg(hide_env_values = true)]
    pub(crate) state_dir: Option<PathBuf>,

    /// The folder of the bundled plugins
    ///
    /// The default is the folder `plugins` beside the program. Short for `--set
    /// plugins.bundled_dir=DIR`.
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) plugins_dir: Option<PathBuf>,

    /// A configuration file in place of the project's `loader.toml`
    ///
    /// A file named here is trusted like your own: it may say which code is loaded. The variable
    /// LOADER_CONFIG names a file too, but one that is trusted no more than a project's.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Sets one setting, such as `gateway.listen=127.0.0.1:0`; can be repeated
    ///
    /// The value is TOML, or text if it is not TOML. It overrides every file and variable.
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = setting)]
    pub(crate) settings: Vec<Setting>,

    /// Writes JSON on standard output, in a versioned envelope
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// When to use colours
    #[arg(long = "color", global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) colour: Colour,

    /// Logs more: -v for details, -vv for everything
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    pub(crate) verbose: u8,

    /// Writes nothing but errors on standard error
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// One setting of the command line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// The dotted key as it was written.
    pub(crate) key: String,
    /// The value it is set to.
    pub(crate) value: toml::Value,
}

/// Reads `key=value`.
pub(super) fn setting(text: &str) -> Result<Setting, String> {
    let (key, value) = text
        .split_once('=')
        .ok_or("there is no `=`; write it like `gateway.listen=127.0.0.1:0`")?;
    Ok(Setting { key: key.trim().to_owned(), value: value_of(value.trim()) })
}

/// The value a text means: TOML if it is exactly one TOML value, and the text itself otherwise.
fn value_of(text: &str) -> toml::Value {
    let document = toml::from_str::<toml::Table>(&format!("value = {text}")).ok();
    let only = document.filter(|table| table.len() == 1);
    let value = only.and_then(|mut table| table.remove("value"));
    value.unwrap_or_else(|| toml::Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_toml_or_else_text() {
        let value = |text: &str| setting(text).expect("it has a key and a value").value;
        assert_eq!(value("k=5"), toml::Value::from(5));
        assert_eq!(value("k=true"), toml::Value::from(true));
        assert_eq!(value("k=['a', \"b\"]"), toml::Value::from(vec!["a", "b"]));
        assert_eq!(value("k=\"5\""), toml::Value::from("5"));
        assert_eq!(value("k=127.0.0.1:0"), toml::Value::from("127.0.0.1:0"));
        assert_eq!(value("k=info,a=debug"), toml::Value::from("info,a=debug"));
        assert_eq!(value("k="), toml::Value::from(""));
        assert_eq!(value("k=1\nother=2"), toml::Value::from("1\nother=2"));
        assert_eq!(value("k=1 # one"), toml::Value::from(1));
    }

    #[test]
    fn a_setting_needs_a_value() {
        assert_eq!(setting(" a.b = c ").map(|one| one.key), Ok("a.b".to_owned()));
        setting("a.b").expect_err("there is no value");
    }
}
