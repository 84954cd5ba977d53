//! `speech/1`: see [`loader_contract::speech`].

use crate::{
    Call, Error, Message, Metadata, Plugin, Registration, Result, Sender, registration::Capability,
};
use loader_contract::CONTENT_TYPE;
pub use loader_contract::speech::CONTRACT;
use loader_contract::speech::{Audio, Synthesize, VoiceList, code, method};
use std::future::Future;

/// How much audio goes into one message.
const PIECE_BYTES: usize = 64 * 1024;

/// A plugin that speaks.
///
/// ```no_run
#[doc = include_str!("../../examples/speech.rs")]
/// # fn main() {}
/// ```
///
/// Its manifest:
///
/// ```toml
#[doc = include_str!("../../examples/speech.toml")]
/// ```
pub trait Speech: Plugin {
    /// Speaks into a file: says what it will be with [`AudioSink::begin`], then writes it.
    fn synthesize(
        &self,
        call: Call,
        request: Synthesize,
        audio: AudioSink,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The voices. One that has this lists `voices` in the manifest's `methods`.
    fn voices(&self, call: Call) -> impl Future<Output = Result<VoiceList>> + Send {
        let _ = call;
        async { Err(Error::unimplemented("speech/1/voices")) }
    }

    /// Speaks as 16-bit PCM for a telephone line. One that has this lists `telephony` in the
    /// manifest's `methods`.
    fn telephony(
        &self,
        call: Call,
        request: Synthesize,
        audio: AudioSink,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (call, request, audio);
        async {
            let message = "this provider does not speak for telephones";
            let class = crate::class::UNIMPLEMENTED;
            Err(Error::new(class, code::TELEPHONY_UNSUPPORTED, message))
        }
    }
}

/// Where audio goes. What fails before [`begin`](Self::begin) is the call's own error, and the host
/// may ask another provider then.
pub struct AudioSink(Sender);

impl AudioSink {
    /// Says what follows.
    pub async fn begin(&self, audio: &Audio) -> Result<()> {
        let kind = match audio.format.as_str() {
            "wav" => "audio/wav",
            "mp3" => "audio/mpeg",
            "ogg" => "audio/ogg",
            _ => "application/octet-stream",
        };
        let head = Metadata::new().with(CONTENT_TYPE, kind);
        self.0.send(Message::head(head, serde_json::to_vec(audio)?)).await
    }

    /// Writes more of it, waiting while the listener is behind.
    pub async fn write(&self, bytes: &[u8]) -> Result<()> {
        for piece in bytes.chunks(PIECE_BYTES) {
            self.0.send(Message::data(piece)).await?;
        }
        Ok(())
    }
}

impl<P: Speech> Registration<P> {
    /// Provides `speech/1` under this id.
    #[must_use]
    pub fn speech(self, id: &'static str) -> Self {
        self.add(Capability {
            contract: CONTRACT,
            id,
            call: |plugin, name, invocation| match name {
                method::VOICES => Some(
                    invocation
                        .answer_json(move |call, ()| async move { plugin.voices(call).await }),
                ),
                _ => None,
            },
            open: |plugin, name, invocation, stream| match name {
                method::SYNTHESIZE => {
                    Some(invocation.handle_json(stream, move |call, request, stream| async move {
                        plugin.synthesize(call, request, AudioSink(stream.sender)).await
                    }))
                }
                method::TELEPHONY => {
                    Some(invocation.handle_json(stream, move |call, request, stream| async move {
                        plugin.telephony(call, request, AudioSink(stream.sender)).await
                    }))
                }
                _ => None,
            },
        })
    }
}
