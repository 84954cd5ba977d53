//! The secrets of one call: fetched when it begins, forgotten when it ends, never shown.

use crate::{
    config::{Config, is_header_value},
    failure::Failure,
};
use loader_sdk::{prelude::*, service::http::Request};

/// Shorter values of extra headers are too common as words to be secrets.
const SHORTEST_SECRET_HEADER: usize = 8;

/// The headers that prove who we are. Neither shown nor logged: there is no `Debug`.
#[derive(Default)]
pub(crate) struct Credentials {
    headers: Vec<(String, String)>,
    /// What must not appear in any message.
    secrets: Vec<String>,
}

impl Credentials {
    /// Fetches what the configuration names.
    pub(crate) async fn fetch(host: &Host, config: &Config) -> Result<Self, Failure> {
        let mut credentials = Self::default();
        let key = reveal(host, "api_key", &config.api_key).await?;
        if !key.is_empty() {
            credentials.headers.push(("authorization".into(), format!("Bearer {key}")));
            credentials.secrets.push(key);
        } else if !config.api_key.is_empty() {
            return Err(Failure::not_configured("the secret that `api_key` names is empty", ""));
        }
        if let Some(organization) = config.organization.as_ref().filter(|name| !name.is_empty()) {
            credentials.headers.push(("openai-organization".into(), organization.clone()));
        }
        for (name, value) in &config.headers {
            let value = reveal(host, &format!("headers.{name}"), value).await?;
            // Of `Bearer <key>`, the key alone is as secret as the whole.
            for secret in [value.as_str(), value.rsplit(' ').next().unwrap_or_default()] {
                if secret.len() >= SHORTEST_SECRET_HEADER {
                    credentials.secrets.push(secret.to_owned());
                }
            }
            credentials.headers.push((name.to_ascii_lowercase(), value));
        }
        Ok(credentials)
    }

    /// Adds the headers to a request.
    pub(crate) fn add_to(&self, request: Request) -> Request {
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// A foreign text without our secrets.
    pub(crate) fn erase_from(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.secrets {
            text = text.replace(secret.as_str(), "[secret]");
        }
        text
    }
}

/// The value of a setting that may name a secret. Files end with a line feed that is not meant.
async fn reveal(host: &Host, setting: &str, value: &str) -> Result<String, Failure> {
    let revealed = host.reveal(value).await.map_err(|error| {
        let message = format!("the secret that `{setting}` names cannot be had");
        Failure::not_configured(message, error.message())
    })?;
    let revealed = revealed.trim();
    if !is_header_value(revealed) {
        let message = format!("the value of `{setting}` holds a control character");
        return Err(Failure::not_configured(message, ""));
    }
    Ok(revealed.to_owned())
}
