// A provider of speech with one voice, which hums: a tone for each word, as a WAV file.

use loader_sdk::{contract::speech::code, prelude::*};

/// The only voice.
const VOICE: &str = "hum";

/// Samples per second.
const RATE: u32 = 8000;

struct Hum;

impl Plugin for Hum {
    type Config = NoConfig;

    async fn start(_: Host, _: NoConfig) -> Result<Self> {
        Ok(Self)
    }
}

impl Speech for Hum {
    async fn synthesize(&self, _: Call, request: Synthesize, audio: AudioSink) -> Result<()> {
        // What fails before `begin` lets the host ask another provider.
        if !["", VOICE].contains(&request.voice.as_str()) {
            let message = format!("there is no voice `{}`", request.voice);
            return Err(Error::not_found(code::VOICE_NOT_FOUND, message));
        }
        if !["", "wav"].contains(&request.format.as_str()) {
            let message = format!("it writes `wav`, and no `{}`", request.format);
            return Err(Error::invalid(code::FORMAT_UNSUPPORTED, message));
        }
        let sound: Vec<u8> = request.text.split_whitespace().flat_map(tone).collect();
        let head =
            Audio { format: "wav".into(), sample_rate: RATE, channels: 1, ..Audio::default() };
        audio.begin(&head).await?;
        audio.write(&header(sound.len())).await?;
        audio.write(&sound).await
    }

    // The manifest lists it under `methods`: not every provider has it.
    async fn voices(&self, _: Call) -> Result<VoiceList> {
        let voice =
            Voice { id: VOICE.into(), name: "Somebody who hums".into(), ..Voice::default() };
        Ok(VoiceList { voices: vec![voice] })
    }
}

/// The longer the word, the higher and longer the tone; each ends with a silence.
fn tone(word: &str) -> Vec<u8> {
    let letters = word.chars().count().min(12);
    let period = 80 - 4 * letters;
    let loud = (0..letters * 400).map(|at| if at % period < period / 2 { 6000_i16 } else { -6000 });
    loud.chain([0; 400]).flat_map(i16::to_le_bytes).collect()
}

/// What stands before so many bytes of samples.
fn header(bytes: usize) -> Vec<u8> {
    let bytes = u32::try_from(bytes).unwrap_or(u32::MAX - 36);
    let format = [16, 0x0001_0001, RATE, 2 * RATE, 0x0010_0002].map(u32::to_le_bytes).concat();
    let (size, bytes) = ((bytes + 36).to_le_bytes(), bytes.to_le_bytes());
    [&b"RIFF"[..], &size, b"WAVEfmt ", &format, b"data", &bytes].concat()
}

export_plugin! {
    plugin: Hum,
    id: "hum",
    provides: [speech: "hum"],
}
