//! One open socket: moves messages both ways until one side has had enough.
//!
//! Both directions run side by side, so that a plugin that writes before it reads cannot block
//! itself. While the plugin does not read, the server is not read either.

use super::Open;
use crate::{
    message::{Failure, Message, Metadata},
    services::cause,
    stream::{End, Receiver, Sender, StreamEnd},
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use loader_abi::{class, message_kind};
use loader_contract::service::websocket::{Closed, code};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    task::Poll,
    time::Duration,
};
use tokio::{sync::oneshot, time::timeout};
use tokio_tungstenite::tungstenite::{
    Error, Message as Frame,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// How long goodbyes may take.
const LINGER: Duration = Duration::from_secs(5);

/// The most that a goodbye can say, in bytes.
const LONGEST_REASON: usize = 123;

type Reader = SplitStream<Open>;
type Writer = SplitSink<Open, Frame>;

/// Serves the socket; resolves when it is closed. When this is dropped, what the plugin had queued
/// is still sent, and then the goodbye.
pub(super) async fn run(socket: Open, stream: StreamEnd) -> Result<(), Failure> {
    let (outcome, ended) = oneshot::channel();
    tokio::spawn(serve(socket, stream, outcome));
    ended.await.unwrap_or_else(|_| Err(broken("its task ended")))
}

async fn serve(socket: Open, stream: StreamEnd, mut outcome: oneshot::Sender<Result<(), Failure>>) {
    let (mut writer, mut reader) = socket.split();
    let parting = AtomicBool::new(false);
    let result = tokio::select! {
        result = read(&mut reader, &stream.sender) => Some(result),
        Err(failure) = write(&mut writer, &stream.receiver, &parting) => Some(Err(failure)),
        () = stream.sender.closed() => None,
        () = outcome.closed() => None,
    };
    let parted = matches!(result, Some(Ok(_)));
    if let Some(result) = result {
        // What the server says to the plugin's own goodbye only repeats it.
        let is_answer = parting.load(Ordering::Relaxed);
        let _ = outcome.send(result.and_then(|said| match said.filter(|_| !is_answer) {
            Some(said) => Err(closed(said)),
            None => Ok(()),
        }));
    }
    let parting = async {
        say_goodbye(&mut writer, &stream.receiver).await?;
        if parted { Ok(()) } else { hear_goodbye(&mut reader).await }
    };
    let _ = timeout(LINGER, parting).await;
}

/// From the server to the plugin, until the server closes; what it says then, unless it is usual.
async fn read(reader: &mut Reader, sender: &Sender) -> Result<Option<CloseFrame>, Failure> {
    while let Some(frame) = reader.next().await {
        let (kind, body) = match frame {
            Ok(Frame::Text(text)) => (message_kind::EVENT, text.as_bytes().to_vec()),
            Ok(Frame::Binary(bytes)) => (message_kind::DATA, bytes.to_vec()),
            // Pings are answered below this level.
            Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_)) => continue,
            Ok(Frame::Close(said)) => {
                return Ok(said.filter(|said| said.code != CloseCode::Normal));
            }
            Err(Error::ConnectionClosed) => break,
            Err(error) => return Err(broken(&cause::chain(&error))),
        };
        sender.send(Message { kind, metadata: Metadata::new(), body }).await?;
    }
    Ok(None)
}

/// From the plugin to the server, until the plugin says no more; then says goodbye. Without one when
/// the plugin merely dropped its sending half: it may still be reading.
async fn write(
    writer: &mut Writer,
    receiver: &Receiver,
    parting: &AtomicBool,
) -> Result<(), Failure> {
    loop {
        match receiver.receive().await {
            Ok(message) => {
                if let Some(frame) = frame(message)? {
                    writer.send(frame).await.map_err(|error| broken(&cause::chain(&error)))?;
                }
            }
            Err(end) => {
                let goodbye = goodbye(&end);
                if goodbye.is_none() && end != End::Done {
                    return Ok(());
                }
                parting.store(true, Ordering::Relaxed);
                let closed = close(writer, goodbye).await;
                return closed.map_err(|error| broken(&cause::chain(&error)));
            }
        }
    }
}

/// Sends what the plugin had queued, and that nothing follows.
async fn say_goodbye(writer: &mut Writer, receiver: &Receiver) -> Result<(), Error> {
    let end = loop {
        match receiver.try_receive() {
            Poll::Ready(Ok(message)) => {
                if let Ok(Some(frame)) = frame(message) {
                    writer.send(frame).await?;
                }
            }
            Poll::Ready(Err(end)) => break Some(end),
            Poll::Pending => break None,
        }
    };
    close(writer, end.as_ref().and_then(goodbye)).await
}

async fn close(writer: &mut Writer, goodbye: Option<CloseFrame>) -> Result<(), Error> {
    if let Some(goodbye) = goodbye {
        writer.send(Frame::Close(Some(goodbye))).await?;
    }
    writer.close().await
}

/// What the plugin wants to be said at the end; `None` when it gave no reason, or one that may not be
/// said.
fn goodbye(end: &End) -> Option<CloseFrame> {
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
fn closed(said: CloseFrame) -> Failure {
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

/// Waits for the server's goodbye. Closing before it came could cut off what was just written.
async fn hear_goodbye(reader: &mut Reader) -> Result<(), Error> {
    while let Some(frame) = reader.next().await {
        if frame?.is_close() {
            break;
        }
    }
    Ok(())
}

fn frame(message: Message) -> Result<Option<Frame>, Failure> {
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

fn broken(why: &str) -> Failure {
    Failure::new(class::UNAVAILABLE, code::BROKEN, format!("the socket broke off: {why}"))
}
