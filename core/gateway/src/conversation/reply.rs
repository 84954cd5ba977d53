//! Sending an answer to where the question came from, though the account be away for a while.

use loader_abi::class;
use loader_contract::{
    channel::{CONTRACT, InboundMessage, SendText, method},
    hook::Session,
};
use loader_core::{CallOptions, Engine, message::Metadata};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tracing::warn;

/// How long a reply is tried again while the account is not connected.
const AGAIN_FOR: Duration = Duration::from_secs(120);

/// The waits between the tries.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Sends the reply to a message; while the account is not connected, tries again for a while. The turn
/// makes its idempotency key, so that trying again cannot send it twice. Says whether it was sent.
pub(super) async fn send(
    engine: &Engine,
    session: &Session,
    message: &InboundMessage,
    text: &str,
    turn: &str,
) -> bool {
    if text.trim().is_empty() {
        return false;
    }
    let Session { channel, account, conversation } = session;
    let request = SendText {
        channel: String::new(),
        account: account.clone(),
        conversation: conversation.clone(),
        text: text.to_owned(),
        reply_to: message.message_id.clone(),
    };
    let Ok(body) = serde_json::to_vec(&request) else { return false };
    let mut options = CallOptions::by("gateway");
    options.idempotency_key = format!("{channel}/{account}/{conversation}/{turn}");
    let give_up = Instant::now() + AGAIN_FOR;
    let mut wait = FIRST_WAIT;
    loop {
        let sent = match engine.target(CONTRACT, Some(channel), method::SEND) {
            Ok(target) => {
                target.call(options.clone(), Metadata::new(), body.clone()).await.map(|_| ())
            }
            Err(failure) => Err(failure),
        };
        let Err(failure) = sent else { return true };
        // Only what surely was not sent is sent again.
        let again = failure.class == class::UNAVAILABLE;
        if !again || Instant::now() + wait > give_up {
            warn!(code = failure.code, "the reply is lost: {}", failure.message);
            return false;
        }
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
