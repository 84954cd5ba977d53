//! Says everything in Morse code, as a WAV file.

use loader_sdk::prelude::*;

mod morse;
#[cfg(test)]
mod tests;

struct Morse;

impl Plugin for Morse {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Speech for Morse {
    async fn synthesize(&self, _: Call, request: Synthesize, audio: AudioSink) -> Result<()> {
        // What fails before `begin` lets the host ask another provider.
        let voice = request.voice.as_str();
        if !["", VOICE].contains(&voice) {
            let message = format!("there is no voice `{voice}`");
            return Err(Error::not_found("voice_not_found", message));
        }
        let format = request.format.as_str();
        if !["", "wav"].contains(&format) {
            let message = format!("it writes `wav`, and no `{format}`");
            return Err(Error::invalid("format_unsupported", message));
        }
        let head = Audio {
            format: "wav".into(),
            sample_rate: morse::RATE,
            channels: 1,
            ..Audio::default()
        };
        audio.begin(&head).await?;
        audio
            .write(&morse::wav(&morse::samples(&request.text)))
            .await
    }

    async fn voices(&self, _: Call) -> Result<VoiceList> {
        let key = Voice {
            id: VOICE.into(),
            name: "Telegraph key".into(),
            ..Voice::default()
        };
        Ok(VoiceList { voices: vec![key] })
    }
}

/// The only voice.
const VOICE: &str = "key";

export_plugin! {
    plugin: Morse,
    id: "{{name}}",
    provides: [speech: "{{name}}"],
}
