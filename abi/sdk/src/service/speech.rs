//! `speech/1`: speech, by whichever provider the operator prefers and can.

use crate::{Answer, Error, Host, Metadata, Receiver, Result, Sender, class};
use loader_contract::speech::{
    Audio, CONTRACT, Provider, ProviderList, Synthesize, Voice, VoiceList, method,
};

/// Speech; from [`Host::speech`].
#[derive(Clone)]
pub struct Speech {
    host: Host,
}

impl Speech {
    pub(crate) fn new(host: Host) -> Self {
        Self { host }
    }

    /// Speaks into a file.
    pub async fn synthesize(&self, request: &Synthesize) -> Result<Spoken> {
        self.open(method::SYNTHESIZE, request).await
    }

    /// Speaks as 16-bit PCM for a telephone line.
    pub async fn telephony(&self, request: &Synthesize) -> Result<Spoken> {
        self.open(method::TELEPHONY, request).await
    }

    /// Every provider's voices.
    pub async fn voices(&self) -> Result<Vec<Voice>> {
        let operation = format!("{CONTRACT}/{}", method::VOICES);
        let list: VoiceList = self.host.call_json(&operation, &()).await?;
        Ok(list.voices)
    }

    /// The providers in the order they are tried.
    pub async fn providers(&self) -> Result<Vec<Provider>> {
        let operation = format!("{CONTRACT}/{}", method::PROVIDERS);
        let list: ProviderList = self.host.call_json(&operation, &()).await?;
        Ok(list.providers)
    }

    async fn open(&self, method: &str, request: &Synthesize) -> Result<Spoken> {
        let operation = format!("{CONTRACT}/{method}");
        let body = serde_json::to_vec(request)?;
        let (head, stream) = self.host.open(&operation, Metadata::new(), body).await?;
        let Answer { body, .. } = head;
        let audio = serde_json::from_slice(&body)?;
        Ok(Spoken { audio, receiver: stream.receiver, _sender: stream.sender })
    }
}

/// Speech that is on its way. Dropping it cancels the provider's work.
pub struct Spoken {
    /// What it is.
    pub audio: Audio,
    receiver: Receiver,
    _sender: Sender,
}

impl Spoken {
    /// The next piece of the file; `None` when it is complete.
    pub async fn next(&self) -> Result<Option<Vec<u8>>> {
        self.receiver.data().await
    }

    /// All of the file, if it has no more than so many bytes.
    pub async fn collect(&self, most_bytes: usize) -> Result<Vec<u8>> {
        let mut whole = Vec::new();
        while let Some(piece) = self.next().await? {
            if whole.len() + piece.len() > most_bytes {
                let message = format!("the speech has more than {most_bytes} bytes");
                return Err(Error::new(class::EXHAUSTED, "LDR-CALL-ANSWER-SIZE", message));
            }
            whole.extend(piece);
        }
        Ok(whole)
    }
}
