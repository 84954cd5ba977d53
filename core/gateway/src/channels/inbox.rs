//! The service through which channels report: messages of people, and how accounts are.

use super::{CONTRACT, Channels};
use loader_abi::class;
use loader_contract::channel::{AccountStatus, INBOX, InboundMessage, inbox};
use loader_core::{
    Snapshot,
    message::{Failure, Reply, from_json},
    service::{Answer, Service, ServiceRequest},
};
use std::sync::Arc;

/// Takes what channels report.
pub(crate) struct Inbox(pub(crate) Arc<Channels>);

impl Service for Inbox {
    fn name(&self) -> &str {
        INBOX
    }

    fn call(&self, request: ServiceRequest) -> Answer {
        let channels = self.0.clone();
        match request.method.as_str() {
            inbox::STATUS => Answer::Ready((|| {
                let status: AccountStatus = from_json(&request.body)?;
                let snapshot = channels.living()?.engine.snapshot();
                let channel = channel_of(&snapshot, &request.caller.plugin, &status.channel)?;
                channels.report(&channel, status);
                Reply::json(&())
            })()),
            inbox::DELIVER => Answer::later(async move {
                let message: InboundMessage = from_json(&request.body)?;
                let life = channels.living()?;
                let snapshot = life.engine.snapshot();
                let channel = channel_of(&snapshot, &request.caller.plugin, &message.channel)?;
                let payload = serde_json::json!({ "channel": channel, "message": message });
                let _ = channels.events.publish("gateway", "message.received", payload);
                life.conversations.take(&channel, message).await?;
                Reply::json(&())
            }),
            method => Answer::unimplemented(INBOX, method),
        }
    }
}

/// The channel that a plugin speaks of.
fn channel_of(snapshot: &Snapshot, plugin: &str, named: &str) -> Result<String, Failure> {
    let of_plugin = snapshot.capabilities(CONTRACT).filter(|one| one.plugin == plugin);
    let own: Vec<&str> = of_plugin.map(|one| one.id.as_str()).collect();
    only_or_named(plugin, &own, named).map(str::to_owned)
}

/// Which of its own channels a plugin means: the one it names, or the only one it provides.
fn only_or_named<'a>(plugin: &str, own: &[&'a str], named: &'a str) -> Result<&'a str, Failure> {
    let why = match (own, named) {
        ([only], "") => return Ok(only),
        (own, named) if own.contains(&named) => return Ok(named),
        ([], _) => format!("the plugin `{plugin}` provides no channel"),
        (own, "") => format!(
            "the plugin `{plugin}` provides several channels and does not say which it speaks of: {}",
            own.join(", ")
        ),
        (own, named) => format!(
            "the plugin `{plugin}` speaks of the channel `{}`, and provides {}",
            named.escape_debug(),
            own.join(", ")
        ),
    };
    Err(Failure::new(class::FORBIDDEN, "LDR-CHANNEL-FOREIGN", why))
}

#[cfg(test)]
mod tests {
    use super::only_or_named;

    #[test]
    fn a_plugin_speaks_of_its_own_channels_only_and_says_which() {
        let meant = |own: &[&'static str], named| {
            only_or_named("vendor", own, named).map_err(|failure| failure.message)
        };
        assert_eq!(meant(&["sms"], ""), Ok("sms"));
        assert_eq!(meant(&["sms", "fax"], "fax"), Ok("fax"));
        for (own, named, why) in [
            (&[][..], "", "provides no channel"),
            (&[], "irc", "provides no channel"),
            (&["sms", "fax"], "", "does not say which it speaks of: sms, fax"),
            (&["sms"], "irc", "speaks of the channel `irc`, and provides sms"),
        ] {
            let refusal = meant(own, named).expect_err(why);
            assert!(refusal.contains(why), "{refusal}");
        }
    }
}
