//! What an operator may set, and the checks a schema cannot express.

use loader_sdk::prelude::*;
use std::{collections::BTreeMap, time::Duration};

/// Headers the plugin or the host sets, with what to use instead.
const RESERVED_HEADERS: [(&str, &str); 6] = [
    ("authorization", "set `api_key` instead"),
    ("openai-organization", "set `organization` instead"),
    ("content-type", "remove it: the plugin sets it"),
    ("content-length", "remove it: the host sets it"),
    ("transfer-encoding", "remove it: the host sets it"),
    ("host", "change `base_url` instead"),
];

/// One OpenAI-compatible server, and how patient to be with it.
#[config]
pub struct Config {
    /// The server's address up to and including its version, such as `http://127.0.0.1:11434/v1`.
    #[schemars(extend("format" = "uri", "pattern" = "^https?://"))]
    pub base_url: String,
    /// The key, or `secret:<name>` to take it from `[secrets.<name>]`. Empty means that the server
    /// wants none.
    #[schemars(extend("writeOnly" = true))]
    pub api_key: String,
    /// The organization that is billed, where a key belongs to several.
    pub organization: Option<String>,
    /// The models to show when the server cannot list its own.
    pub models: Vec<String>,
    /// How long to wait for the first byte of an answer, in milliseconds.
    #[schemars(range(min = 1))]
    pub request_timeout_ms: u64,
    /// How long to wait for each further byte of an answer, in milliseconds.
    #[schemars(range(min = 1))]
    pub idle_timeout_ms: u64,
    /// How often a request is tried again when the server is busy or cannot be reached.
    #[schemars(range(max = 10))]
    pub max_retries: u32,
    /// Further headers of every request. A value may be `secret:<name>`.
    #[schemars(extend("writeOnly" = true))]
    pub headers: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_url: "https://api.openai.com/v1".into(),
            api_key: "secret:openai".into(),
            organization: None,
            models: Vec::new(),
            request_timeout_ms: 60_000,
            idle_timeout_ms: 60_000,
            max_retries: 2,
            headers: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Refuses what could never work. No message repeats a value, for it may hold a password.
    pub(crate) fn check(&self) -> Result<()> {
        check_base_url(&self.base_url)?;
        if self.request_timeout_ms == 0 || self.idle_timeout_ms == 0 {
            return Err(wrong(
                "`request_timeout_ms` and `idle_timeout_ms` must be at least 1",
                "raise it",
            ));
        }
        if self.max_retries > 10 {
            return Err(wrong("`max_retries` must be at most 10", "lower it"));
        }
        let organization = self.organization.as_deref().unwrap_or_default();
        if !is_header_value(organization) {
            return Err(wrong("`organization` holds a control character", "remove it"));
        }
        self.headers.iter().try_for_each(|(name, value)| check_header(name, value))
    }

    /// The address of an endpoint, such as `/models`.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url.trim_end_matches('/'))
    }

    /// Whether the server is OpenAI's own, which has replaced parts of the wire format that
    /// everybody else goes on to use.
    pub(crate) fn is_vendors_own(&self) -> bool {
        let (_, rest) = self.base_url.split_once("://").unwrap_or_default();
        let host = rest.split(['/', ':']).next().unwrap_or_default();
        host.eq_ignore_ascii_case("api.openai.com")
    }

    pub(crate) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }
}

/// Whether a text can be the value of an HTTP header.
pub(crate) fn is_header_value(text: &str) -> bool {
    !text.chars().any(|each| each.is_control() && each != '\t')
}

fn check_base_url(base_url: &str) -> Result<()> {
    let hint = "write it like `https://api.openai.com/v1`";
    let rest = base_url.strip_prefix("https://").or_else(|| base_url.strip_prefix("http://"));
    let Some(rest) = rest else {
        return Err(wrong("`base_url` does not begin with `https://` or `http://`", hint));
    };
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains('@') {
        return Err(wrong(
            "`base_url` holds a user name or password",
            "remove it and set `api_key` or `headers` instead",
        ));
    }
    if host.is_empty() || host.starts_with(':') {
        return Err(wrong("`base_url` names no host", hint));
    }
    if base_url.contains(['?', '#']) || base_url.chars().any(|each| each <= ' ' || each == '\u{7f}')
    {
        return Err(wrong("`base_url` holds a query, a fragment or white space", hint));
    }
    Ok(())
}

fn check_header(name: &str, value: &str) -> Result<()> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        let message = format!("`headers` has a name that is none: `{}`", name.escape_debug());
        return Err(wrong(&message, "use letters, digits and `-`"));
    }
    let reserved =
        RESERVED_HEADERS.iter().find(|(reserved, _)| name.eq_ignore_ascii_case(reserved));
    if let Some((reserved, instead)) = reserved {
        return Err(wrong(&format!("`headers` may not set `{reserved}`"), instead));
    }
    if !is_header_value(value) {
        let message = format!("the value of `headers.{name}` holds a control character");
        return Err(wrong(&message, "remove it"));
    }
    Ok(())
}

fn wrong(message: &str, hint: &str) -> Error {
    Error::invalid("LDR-CONFIG-PLUGIN", format!("the configuration is wrong: {message}"))
        .hint(format!("{hint}, under `[plugins.entries.openai.config]`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass() {
        Config::default().check().expect("the defaults are sound");
    }

    #[test]
    fn a_trailing_slash_of_the_base_url_does_not_matter() {
        let config = Config { base_url: "http://127.0.0.1:1/v1/".into(), ..Config::default() };
        assert_eq!(config.url("/models"), "http://127.0.0.1:1/v1/models");
    }

    #[test]
    fn a_base_url_that_cannot_work_is_refused_without_being_repeated() {
        for base_url in [
            "",
            "api.openai.com/v1",
            "ftp://host/v1",
            "https://",
            "https://:443/v1",
            "https://user:canary@host/v1",
            "https://host/v1?key=canary",
            "https://host/v1#canary",
            "https://ho st/canary",
            "https://host/canary\n",
        ] {
            let config = Config { base_url: base_url.into(), ..Config::default() };
            let error = config.check().expect_err(base_url);
            assert_eq!(error.code(), "LDR-CONFIG-PLUGIN");
            assert!(!error.message().contains("canary"), "{}", error.message());
        }
    }

    #[test]
    fn a_header_that_cannot_be_sent_is_refused_without_its_value() {
        for (name, value) in [
            ("", "canary"),
            ("a b", "canary"),
            (":url", "canary"),
            ("Authorization", "canary"),
            ("x-a", "canary\n"),
        ] {
            let headers = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            let error = Config { headers, ..Config::default() }.check().expect_err(name);
            assert!(!error.message().contains("canary"), "{}", error.message());
        }
    }

    #[test]
    fn numbers_outside_their_range_are_refused() {
        let config = Config::default;
        assert!(Config { request_timeout_ms: 0, ..config() }.check().is_err());
        assert!(Config { idle_timeout_ms: 0, ..config() }.check().is_err());
        assert!(Config { max_retries: 11, ..config() }.check().is_err());
    }

    #[test]
    fn only_the_vendors_own_host_counts_as_such() {
        let is_own = |base_url: &str| {
            Config { base_url: base_url.into(), ..Config::default() }.is_vendors_own()
        };
        assert!(is_own("https://api.openai.com/v1"));
        assert!(is_own("https://API.openai.com:443/v1"));
        assert!(!is_own("https://api.openai.com.example/v1"));
        assert!(!is_own("http://127.0.0.1/api.openai.com"));
    }
}
