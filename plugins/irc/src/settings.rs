//! What an operator may set under `channels.irc.accounts.<name>`.

use crate::command;
use loader_sdk::{Error, Result, contract::channel::code, schemars};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt;

/// The settings of one account.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "schemars")]
pub struct AccountSettings {
    /// The server's name or address.
    pub host: String,
    /// The server's port. Unset means 6697 with TLS and 6667 without.
    #[schemars(range(min = 1))]
    pub port: Option<u16>,
    /// Whether the connection is encrypted, and the server's certificate checked.
    #[serde(default = "tls_by_default")]
    pub tls: bool,
    /// A PEM file with the only authorities to trust. Unset means the system's.
    pub tls_ca_file: Option<String>,
    /// The nick. If it is taken, `_` is put behind it until one is free.
    pub nick: String,
    /// The user name. Unset means the nick.
    pub username: Option<String>,
    /// The "real name" that others see. Unset means the nick.
    pub realname: Option<String>,
    /// The server's password: literal, or `secret:<name>`.
    pub password: Option<Secret>,
    /// Logs in by SASL PLAIN before anything else. The connection is given up if that fails.
    pub sasl: Option<Sasl>,
    /// The channels to join: `#channel`, or `#channel key`.
    #[serde(default)]
    pub channels: Vec<ChannelSetting>,
    /// Which messages in channels are meant for the bot.
    #[serde(default)]
    pub trigger: Trigger,
    /// Flood control: lines a second, after a burst of 5. Zero means no limit.
    #[serde(default = "messages_per_second_by_default")]
    #[schemars(range(min = 0, max = 100))]
    pub messages_per_second: f64,
    /// The longest line the server passes on, in bytes with its end. A server that announces less
    /// is believed.
    #[serde(default = "max_line_bytes_by_default")]
    #[schemars(range(min = 256, max = 8192))]
    pub max_line_bytes: usize,
}

/// A SASL login.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(crate = "schemars")]
pub struct Sasl {
    /// The account's name. Unset means the nick.
    pub account: Option<String>,
    /// The account's password: literal, or `secret:<name>`.
    pub password: Secret,
}

/// Which messages in channels are marked as meant for the bot. Direct messages always are.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[schemars(crate = "schemars")]
pub enum Trigger {
    /// Those that begin with its nick: `nick: text` or `nick, text`.
    #[default]
    Addressed,
    /// All of them.
    All,
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
#[schemars(crate = "schemars", transparent, extend("writeOnly" = true))]
pub struct Secret(String);

impl Secret {
    /// The text itself, or the name of a secret: to be revealed by the host when it is used.
    pub fn reference(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("<secret>")
    }
}

/// A channel to join.
#[derive(Debug, Clone, PartialEq, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String")]
#[schemars(crate = "schemars", !try_from, with = "String", extend("pattern" = CHANNEL_PATTERN))]
pub struct ChannelSetting {
    /// The channel's name, such as `#room`.
    pub name: String,
    /// The key that a channel of mode `+k` asks for.
    pub key: Option<Secret>,
}

/// What a channel setting looks like.
const CHANNEL_PATTERN: &str = "^[#&+!][^ ,]+( [^ ,]+)?$";

impl TryFrom<String> for ChannelSetting {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (name, key) = match text.split_once(' ') {
            Some((name, key)) => (name, Some(key)),
            None => (text.as_str(), None),
        };
        let is_word = |word: &str| command::is_param(word) && !word.contains(',');
        let named = name.len() > 1 && name.starts_with(['#', '&', '+', '!']) && is_word(name);
        if !named || !key.is_none_or(is_word) {
            return Err("a channel is written `#channel` or `#channel key`");
        }
        Ok(Self { name: name.to_owned(), key: key.map(|key| Secret(key.to_owned())) })
    }
}

fn tls_by_default() -> bool {
    true
}

fn messages_per_second_by_default() -> f64 {
    2.0
}

fn max_line_bytes_by_default() -> usize {
    512
}

impl AccountSettings {
    /// Reads the settings of the account `account`.
    ///
    /// # Errors
    ///
    /// Class invalid, code `account_invalid`: names the key, and never the value, which may be a
    /// secret.
    pub fn read(account: &str, config: Value) -> Result<Self> {
        let read = serde_json::from_value::<Self>(config.clone())
            .map_err(|error| explain(&config, &error.to_string()))
            .and_then(|settings| settings.check().map(|()| settings));
        read.map_err(|why| {
            Error::invalid(code::ACCOUNT_INVALID, format!("the IRC account `{account}`: {why}"))
                .hint(format!(
                    "correct `[channels.irc.accounts.{account}]`; `loader config validate` checks it"
                ))
        })
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls { 6697 } else { 6667 })
    }

    /// What the types alone cannot say.
    fn check(&self) -> Result<(), String> {
        let is_name = |name: &str| command::is_param(name) && !name.contains(['!', '@', ',']);
        let is_unset_or = |value: &Option<String>, check: fn(&str) -> bool| {
            value.as_deref().is_none_or(|value| !value.is_empty() && check(value))
        };
        let wrong = |key: &str, why: &str| Err(format!("`{key}` {why}"));
        if !command::is_param(&self.host) {
            return wrong("host", "must be a host name or an address");
        }
        if self.port == Some(0) {
            return wrong("port", "must not be 0");
        }
        if self.tls_ca_file.is_some() && !self.tls {
            return wrong("tls_ca_file", "makes no sense with `tls = false`");
        }
        if !is_name(&self.nick) || self.nick.starts_with(['#', '&']) {
            return wrong(
                "nick",
                "must be one word without `!`, `@`, `,` or a leading `:`, `#`, `&`",
            );
        }
        if !is_unset_or(&self.username, |name| command::is_param(name) && !name.contains('@')) {
            return wrong("username", "must be one word without `@` or a leading `:`");
        }
        if !is_unset_or(&self.realname, command::is_trailing) {
            return wrong("realname", "must be one line");
        }
        if !(0.0..=100.0).contains(&self.messages_per_second) {
            return wrong("messages_per_second", "must be between 0 and 100");
        }
        if !(256..=8192).contains(&self.max_line_bytes) {
            return wrong("max_line_bytes", "must be between 256 and 8192");
        }
        Ok(())
    }
}

/// Says which key is wrong, and what was expected of it.
fn explain(config: &Value, message: &str) -> String {
    let Some(keys) = config.as_object() else {
        return "the settings must be a table".to_owned();
    };
    let message = without_value(message);
    match keys.iter().find(|(key, value)| is_culprit(key, value)) {
        Some((key, _)) if !message.contains(&format!("`{key}`")) => {
            format!("`{key}` is wrong: {message}")
        }
        _ => message.to_owned(),
    }
}

/// Whether settings that are otherwise the least there can be are refused because of this key.
fn is_culprit(key: &str, value: &Value) -> bool {
    let mut least = Map::new();
    least.insert("host".to_owned(), json!("host"));
    least.insert("nick".to_owned(), json!("nick"));
    least.insert(key.to_owned(), value.clone());
    serde_json::from_value::<AccountSettings>(Value::Object(least)).is_err()
}

/// Leaves out the value that serde shows in `invalid type: <value>, expected …`.
fn without_value(message: &str) -> &str {
    let shows_value = message.starts_with("invalid type") || message.starts_with("invalid value");
    match message.rfind(", expected ") {
        Some(at) if shows_value => &message[at + 2..],
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(config: Value) -> String {
        let error = AccountSettings::read("home", config).expect_err("must be refused");
        assert_eq!(error.code(), "account_invalid");
        error.message().to_owned()
    }

    fn with(key: &str, value: Value) -> Value {
        let mut config = json!({"host": "irc.example", "nick": "bot"});
        config[key] = value;
        config
    }

    #[test]
    fn two_keys_are_enough() {
        let settings = AccountSettings::read("home", json!({"host": "irc.example", "nick": "bot"}));
        let settings = settings.expect("valid");
        assert!(settings.tls);
        assert_eq!(settings.port(), 6697);
        assert_eq!((settings.messages_per_second, settings.max_line_bytes), (2.0, 512));
        assert_eq!(settings.trigger, Trigger::Addressed);
        let plain = AccountSettings::read("home", with("tls", json!(false))).expect("valid");
        assert_eq!(plain.port(), 6667);
    }

    #[test]
    fn channels_have_a_name_and_perhaps_a_key() {
        let config = with("channels", json!(["#open", "&shut sesame"]));
        let channels = AccountSettings::read("home", config).expect("valid").channels;
        assert_eq!((channels[0].name.as_str(), &channels[0].key), ("#open", &None));
        assert_eq!(channels[1].key.as_ref().map(Secret::reference), Some("sesame"));
    }

    #[test]
    fn a_wrong_key_is_named() {
        for (key, value, says) in [
            ("hots", json!("x"), "unknown field `hots`"),
            ("port", json!("6667"), "`port` is wrong: expected u16"),
            ("port", json!(70_000), "`port` is wrong: expected u16"),
            ("port", json!(0), "`port` must not be 0"),
            ("trigger", json!("never"), "`trigger` is wrong: unknown variant `never`"),
            ("channels", json!("#room key"), "`channels` is wrong: expected a sequence"),
            ("channels", json!(["room"]), "`channels` is wrong: a channel is written"),
            ("channels", json!(["#a,#b"]), "`channels` is wrong: a channel is written"),
            ("channels", json!(["#a b c"]), "`channels` is wrong: a channel is written"),
            ("host", json!("a b"), "`host` must be"),
            ("nick", json!("a b"), "`nick` must be"),
            ("nick", json!("a\r\nQUIT"), "`nick` must be"),
            ("username", json!(""), "`username` must be"),
            ("realname", json!("two\nlines"), "`realname` must be one line"),
            ("messages_per_second", json!(-1), "`messages_per_second` must be"),
            ("max_line_bytes", json!(100), "`max_line_bytes` must be"),
            ("sasl", json!({"account": "bot"}), "`sasl` is wrong: missing field `password`"),
        ] {
            let message = refused(with(key, value));
            assert!(message.contains(says), "{key}: {message}");
            assert!(message.starts_with("the IRC account `home`: "), "{message}");
        }
        assert!(refused(json!({"host": "irc.example"})).contains("missing field `nick`"));
        assert!(refused(json!("text")).contains("must be a table"));
        assert!(
            refused(json!({"host": "h", "nick": "n", "tls": false, "tls_ca_file": "x"}))
                .contains("`tls_ca_file` makes no sense")
        );
    }

    #[test]
    fn no_value_of_a_secret_is_shown() {
        for (key, value) in [
            ("password", json!(20_482_048)),
            ("password", json!(["20482048"])),
            ("sasl", json!("bot:20482048")),
            ("sasl", json!({"password": 20_482_048})),
            ("sasl", json!({"password": {"x": "20482048"}})),
        ] {
            let message = refused(with(key, value));
            assert!(message.contains(&format!("`{key}` is wrong")), "{message}");
            assert!(!message.contains("2048"), "{message}");
        }
        let config = json!({
            "host": "irc.example", "nick": "bot", "password": "20482048",
            "sasl": {"password": "20482048"}, "channels": ["#room 20482048"],
        });
        let settings = AccountSettings::read("home", config).expect("valid");
        assert!(!format!("{settings:?}").contains("2048"), "{settings:?}");
    }
}
