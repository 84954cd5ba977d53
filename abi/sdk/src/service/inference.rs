//! `text-inference/1`: models by `<provider>/<model>`, as the operator chose them.

use crate::{Error, Host, Metadata, Receiver, Result, Sender, class};
use loader_abi::message_kind;
use loader_contract::text_inference::{
    CONTRACT, GenerateRequest, GenerateResponse, Model, ModelList, StreamEvent, code, method,
};

/// The most bytes of an answer that is asked for whole.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// Models; from [`Host::inference`]. An empty model means the operator's default.
#[derive(Clone)]
pub struct Inference {
    host: Host,
}

impl Inference {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Every model of every provider.
    pub async fn models(&self) -> Result<Vec<Model>> {
        let operation = format!("{CONTRACT}/{}", method::MODELS);
        let list: ModelList = self.host.call_json(&operation, &()).await?;
        Ok(list.models)
    }

    /// Asks for a whole answer.
    pub async fn generate(&self, request: &GenerateRequest) -> Result<GenerateResponse> {
        let pieces = self.open(method::GENERATE, request).await?;
        let mut whole = Vec::new();
        while let Some(piece) = pieces.receiver.data().await? {
            if whole.len() + piece.len() > MAX_ANSWER_BYTES {
                let message = format!("the answer has more than {MAX_ANSWER_BYTES} bytes");
                return Err(Error::new(class::EXHAUSTED, "LDR-CALL-ANSWER-SIZE", message));
            }
            whole.extend(piece);
        }
        Ok(serde_json::from_slice(&whole)?)
    }

    /// Asks for an answer piece by piece.
    pub async fn stream(&self, request: &GenerateRequest) -> Result<Pieces> {
        self.open(method::STREAM, request).await
    }

    async fn open(&self, method: &str, request: &GenerateRequest) -> Result<Pieces> {
        let body = serde_json::to_vec(request)?;
        let operation = format!("{CONTRACT}/{method}");
        let (_, stream) = self.host.open(&operation, Metadata::new(), body).await?;
        Ok(Pieces { receiver: stream.receiver, _sender: stream.sender, finished: false })
    }
}

/// An answer piece by piece. Dropping it cancels the work on it.
pub struct Pieces {
    receiver: Receiver,
    _sender: Sender,
    finished: bool,
}

impl Pieces {
    /// The next piece; `None` after `Finish`. An answer that breaks off is an error.
    pub async fn next(&mut self) -> Result<Option<StreamEvent>> {
        while let Some(message) = self.receiver.next().await? {
            if message.kind != message_kind::EVENT {
                continue;
            }
            let event = message.parse()?;
            match event {
                StreamEvent::Unknown => {}
                StreamEvent::Finish { .. } => {
                    self.finished = true;
                    return Ok(Some(event));
                }
                event => return Ok(Some(event)),
            }
        }
        if self.finished {
            return Ok(None);
        }
        let message = "the answer broke off before it was complete";
        Err(Error::unavailable(code::UPSTREAM_CUT_OFF, message))
    }
}
