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
use loader_contract::service::websocket::code;
use std::{task::Poll, time::Duration};
use tokio::{sync::oneshot, time::timeout};
use tokio_tungstenite::tungstenite::{Error, Message as Frame};

/// How long goodbyes may take.
const LINGER: Duration = Duration::from_secs(5);

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
    let result = tokio::select! {
        result = read(&mut reader, &stream.sender) => Some(result),
        Err(failure) = write(&mut writer, &stream.receiver) => Some(Err(failure)),
        () = stream.sender.closed() => None,
        () = outcome.closed() => None,
    };
    let parted = matches!(result, Some(Ok(())));
    if let Some(result) = result {
        let _ = outcome.send(result);
    }
    let parting = async {
        say_goodbye(&mut writer, &stream.receiver).await?;
        if parted { Ok(()) } else { hear_goodbye(&mut reader).await }
    };
    let _ = timeout(LINGER, parting).await;
}

/// From the server to the plugin, until the server closes.
async fn read(reader: &mut Reader, sender: &Sender) -> Result<(), Failure> {
    while let Some(frame) = reader.next().await {
        let (kind, body) = match frame {
            Ok(Frame::Text(text)) => (message_kind::EVENT, text.as_bytes().to_vec()),
            Ok(Frame::Binary(bytes)) => (message_kind::DATA, bytes.to_vec()),
            // Pings are answered below this level.
            Ok(Frame::Ping(_) | Frame::Pong(_) | Frame::Frame(_)) => continue,
            Ok(Frame::Close(_)) | Err(Error::ConnectionClosed) => break,
            Err(error) => return Err(broken(&cause::chain(&error))),
        };
        sender.send(Message { kind, metadata: Metadata::new(), body }).await?;
    }
    Ok(())
}

/// From the plugin to the server, until the plugin says no more; then says goodbye. Without one when
/// the plugin merely dropped its sending half: it may still be reading.
async fn write(writer: &mut Writer, receiver: &Receiver) -> Result<(), Failure> {
    loop {
        match receiver.receive().await {
            Ok(message) => {
                if let Some(frame) = frame(message)? {
                    writer.send(frame).await.map_err(|error| broken(&cause::chain(&error)))?;
                }
            }
            Err(End::Done) => {
                return writer.close().await.map_err(|error| broken(&cause::chain(&error)));
            }
            Err(_) => return Ok(()),
        }
    }
}

/// Sends what the plugin had queued, and that nothing follows.
async fn say_goodbye(writer: &mut Writer, receiver: &Receiver) -> Result<(), Error> {
    while let Poll::Ready(Ok(message)) = receiver.try_receive() {
        if let Ok(Some(frame)) = frame(message) {
            writer.send(frame).await?;
        }
    }
    writer.close().await
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
