//! `channel/1` as the host serves it: text for somebody, through the channel that is named.

use super::{CONTRACT, Channels, UNKNOWN};
use crate::desk::Desk;
use loader_abi::class;
use loader_contract::channel::{SendText, method};
use loader_core::{
    Engine,
    message::{Failure, Metadata, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
};
use std::sync::Arc;

/// Sends through channels. What a person at a terminal, a program and a plugin send goes this way.
pub(crate) struct Sending {
    channels: Arc<Channels>,
    desk: Arc<Desk>,
}

impl Sending {
    pub(crate) fn new(channels: Arc<Channels>, desk: Arc<Desk>) -> Self {
        Self { channels, desk }
    }
}

impl Service for Sending {
    fn name(&self) -> &str {
        CONTRACT
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        if request.method != method::SEND {
            return Answer::unimplemented(CONTRACT, &request.method);
        }
        let (channels, desk) = (self.channels.clone(), self.desk.clone());
        Answer::later(async move {
            let asked: SendText = from_json(&request.body)?;
            if asked.text.trim().is_empty() {
                let message = "there is nothing to say";
                return Err(Failure::new(class::INVALID, "LDR-CALL-REQUEST", message));
            }
            let engine = desk.engine()?;
            let channel = channel_of(&engine, &asked.channel)?;
            let account = match asked.account.is_empty() {
                true => {
                    // The channel knows best which of them are connected at this moment.
                    channels.refresh(&engine, &channel).await?;
                    only_one(&channel, channels.connected(&channel))?
                }
                false => asked.account.clone(),
            };
            let passed_on = SendText { channel: String::new(), account, ..asked };
            let target = engine.target(CONTRACT, Some(&channel), method::SEND)?;
            // The caller's options hold its idempotency key.
            let body = Reply::json(&passed_on)?.body;
            target.call(request.options, Metadata::new(), body).await
        })
    }
}

/// The channel's own id.
fn channel_of(engine: &Engine, named: &str) -> Result<String, Failure> {
    let snapshot = engine.snapshot();
    if let Some(found) = snapshot.capability(CONTRACT, named) {
        return Ok(found.id.clone());
    }
    let there: Vec<&str> = snapshot.capabilities(CONTRACT).map(|one| one.id.as_str()).collect();
    let hint = match there.as_slice() {
        [] => "see what there is: loader channels list".to_owned(),
        there => format!("there are: {}", there.join(", ")),
    };
    let message = match named {
        "" => "the request names no channel".to_owned(),
        named => format!("no plugin provides the channel `{}`", named.escape_debug()),
    };
    Err(Failure::new(class::NOT_FOUND, UNKNOWN, message).hint(hint))
}

/// The account to send from where none is named.
fn only_one(channel: &str, mut connected: Vec<String>) -> Result<String, Failure> {
    match (connected.pop(), connected.as_slice()) {
        (Some(only), []) => Ok(only),
        (None, _) => {
            let message = format!("no account of `{channel}` is connected");
            let hint = "see how the gateway's accounts are: loader status";
            Err(Failure::new(class::UNAVAILABLE, "LDR-CHANNEL-NO-ACCOUNT", message).hint(hint))
        }
        (Some(last), others) => {
            let message = format!("several accounts of `{channel}` are connected");
            let hint = format!("name one: {}, {last}", others.join(", "));
            Err(Failure::new(class::INVALID, "LDR-CHANNEL-AMBIGUOUS", message).hint(hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::only_one;

    #[test]
    fn an_account_is_chosen_only_where_there_is_no_choice() {
        let chosen = |accounts: &[&str]| {
            let accounts = accounts.iter().map(|one| one.to_string()).collect();
            only_one("irc", accounts).map_err(|failure| (failure.code, failure.hint))
        };
        assert_eq!(chosen(&["one"]), Ok("one".to_owned()));
        let (code, _) = chosen(&[]).expect_err("there is none");
        assert_eq!(code, "LDR-CHANNEL-NO-ACCOUNT");
        let (code, hint) = chosen(&["one", "two"]).expect_err("there are two");
        assert_eq!((&*code, &*hint), ("LDR-CHANNEL-AMBIGUOUS", "name one: one, two"));
    }
}
