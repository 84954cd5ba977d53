//! One provider that is asked to speak: what it says it will send, and its pieces.

use loader_abi::{class, message_kind};
use loader_contract::speech::{Audio, CONTRACT, Synthesize, method};
use loader_core::{
    CallOptions, Engine, OpenStream,
    message::{Failure, Message, Metadata},
};
use std::time::{Duration, Instant};

/// What a telephone line takes.
const TELEPHONE: &str = "pcm-s16le";

/// Longer speech is cut off.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// A provider that is asked.
pub(super) struct Speaker<'a> {
    pub(super) id: &'a str,
    pub(super) plugin: &'a str,
    pub(super) engine: &'a Engine,
    /// `synthesize` or `telephony`.
    pub(super) method: &'a str,
    /// How long it may take to begin, and from one piece to the next.
    pub(super) patience: Duration,
}

/// Speech that has begun. Dropping it cancels the provider's work.
pub(super) struct Begun {
    /// The head, with the provider in it.
    pub(super) head: Message,
    /// The first piece.
    first: Option<Vec<u8>>,
    stream: OpenStream,
    bytes: usize,
    patience: Duration,
}

impl Speaker<'_> {
    /// Waits for the first piece of sound. Whatever goes wrong before it is an error.
    pub(super) async fn begin(
        self,
        options: CallOptions,
        request: &Synthesize,
        body: Vec<u8>,
    ) -> Result<Begun, Failure> {
        let options = in_time(options.idempotent(true), self.patience);
        let deadline = options.deadline;
        let target = self.engine.target(CONTRACT, Some(self.id), self.method)?;
        let stream = target.open(options, Metadata::new(), body).await?;
        let broken = |message| stream.accuse(self.broken(message));
        let head = self.check(&stream.head, request).map_err(broken)?;
        let left =
            deadline.map_or(self.patience, |it| it.saturating_duration_since(Instant::now()));
        let first = next(&stream, left).await?;
        if first.is_none() {
            return Err(broken("it sent no sound".into()));
        }
        Ok(Begun { head, first, stream, bytes: 0, patience: self.patience })
    }

    /// The head as the listener gets it; an error says what is wrong with it.
    fn check(&self, head: &Message, request: &Synthesize) -> Result<Message, String> {
        let audio: Audio = serde_json::from_slice(&head.body)
            .map_err(|error| format!("what it says of its sound makes no sense: {error}"))?;
        let wanted = if self.method == method::TELEPHONY { TELEPHONE } else { &*request.format };
        if !wanted.is_empty() && audio.format != wanted {
            let format = audio.format.escape_debug();
            return Err(format!("it sends `{format}`, not `{}`", wanted.escape_debug()));
        }
        if self.method == method::TELEPHONY && audio.sample_rate == 0 {
            return Err("it does not say how many samples a second it sends".into());
        }
        let audio = Audio { provider: self.id.to_owned(), ..audio };
        let body = serde_json::to_vec(&audio).map_err(|error| error.to_string())?;
        Ok(Message::head(head.metadata.clone(), body))
    }

    fn broken(&self, message: String) -> Failure {
        Failure::new(class::INTERNAL, "LDR-SPEECH-BROKEN", message)
            .hint(format!("update the plugin: loader plugins update {}", self.plugin))
    }
}

impl Begun {
    /// The next piece; `None` when all was said.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let piece = match self.first.take() {
            Some(first) => Some(first),
            None => next(&self.stream, self.patience).await?,
        };
        self.bytes += piece.as_ref().map_or(0, Vec::len);
        if self.bytes > MOST_BYTES {
            let message = format!("the speech has more than {MOST_BYTES} bytes");
            let failure = Failure::new(class::INTERNAL, "LDR-CALL-ANSWER-SIZE", message);
            return Err(self.stream.accuse(failure));
        }
        Ok(piece)
    }
}

/// The same options with a deadline that is no later than this.
pub(super) fn in_time(options: CallOptions, patience: Duration) -> CallOptions {
    let deadline = options.deadline;
    let mut options = options.within(patience);
    options.deadline = options.deadline.into_iter().chain(deadline).min();
    options
}

/// The next sound of a stream, which has to come in time; `None` at its end.
async fn next(stream: &OpenStream, patience: Duration) -> Result<Option<Vec<u8>>, Failure> {
    let sound = async {
        while let Some(message) = stream.receive().await {
            let message = message?;
            if message.kind == message_kind::DATA && !message.body.is_empty() {
                return Ok(Some(message.body));
            }
        }
        Ok(None)
    };
    tokio::time::timeout(patience, sound).await.unwrap_or_else(|_| {
        let message = format!("no sound came for {} ms", patience.as_millis());
        Err(stream.accuse(Failure::new(class::DEADLINE, "LDR-CALL-DEADLINE", message)))
    })
}
