//! What plugins and servers say to each other: a stream's messages and ends as a socket's frames, and
//! back.

use crate::message::{Failure, Message};
use crate::stream::End;
use loader_abi::{class, message_kind};
use loader_contract::service::websocket::{Closed, code};
use tokio_tungstenite::tungstenite::{
    Message as Frame,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// The most that a goodbye can say, in bytes.
const LONGEST_REASON: usize = 123;

/// What the plugin wants to be said at the end; `None` when it gave no reason, or one that may not be
/// said.
pub(super) fn goodbye(end: &End) -> Option<CloseFrame> {
    let End::Failed(failure) = end else { return None };
    if failure.code != code::CLOSED {
        return None;
    }
    let Closed { code, reason } = serde_json::from_slice(&failure.details).ok()?;
    let code = CloseCode::from(code);
    let reason = &reason[..reason.floor_char_boundary(LONGEST_REASON)];
    code.is_allowed().then(|| CloseFrame { code, reason: reason.into() })
}

/// The server's goodbye as the plugin is told it.
pub(super) fn closed_by(said: CloseFrame) -> Failure {
    let closed = Closed { code: said.code.into(), reason: said.reason.to_string() };
    let message = match closed.reason.as_str() {
        "" => format!("the server closed the socket with code {}", closed.code),
        reason => {
            let reason = reason.escape_debug();
            format!("the server closed the socket with code {}: {reason}", closed.code)
        }
    };
    let mut failure = Failure::new(class::UNAVAILABLE, code::CLOSED, message);
    failure.details = serde_json::to_vec(&closed).unwrap_or_default();
    failure
}

pub(super) fn frame(message: Message) -> Result<Option<Frame>, Failure> {
    match message.kind {
        message_kind::DATA => Ok(Some(Frame::binary(message.body))),
        message_kind::EVENT => match String::from_utf8(message.body) {
            Ok(text) => Ok(Some(Frame::text(text))),
            Err(_) => Err(Failure::new(
                class::INVALID,
                code::INVALID_REQUEST,
                "an event message is sent as text, and this one is not UTF-8",
            )
            .hint("send bytes as a data message")),
        },
        _ => Ok(None),
    }
}

pub(super) fn broken(why: &str) -> Failure {
    Failure::new(class::UNAVAILABLE, code::BROKEN, format!("the socket broke off: {why}"))
}
