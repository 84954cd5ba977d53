//! `speech/1`: a tenth of a second of silence.

use super::{nothing_to_say, unknown};
use loader_abi::class;
use loader_contract::{
    CONTENT_TYPE,
    speech::{Audio, ProviderList, Synthesize, VoiceList, code, method},
};
use loader_core::{
    message::{Failure, Message, Metadata, Reply, from_json},
    service::ServiceRequest,
};

pub(super) fn call(request: &ServiceRequest) -> Result<Reply, Failure> {
    match request.method.as_str() {
        method::VOICES => Reply::json(&VoiceList::default()),
        method::PROVIDERS => Reply::json(&ProviderList::default()),
        _ => Err(unknown(request)),
    }
}

pub(super) fn open(request: &ServiceRequest) -> Result<Vec<Message>, Failure> {
    let (format, kind, sound) = match request.method.as_str() {
        method::SYNTHESIZE => ("wav", "audio/wav", wav(&[0; 1600])),
        method::TELEPHONY => ("pcm-s16le", "application/octet-stream", vec![0; 1600]),
        _ => return Err(unknown(request)),
    };
    check(&from_json(&request.body)?, &request.method)?;
    let audio = Audio {
        format: format.into(),
        sample_rate: 8000,
        channels: 1,
        provider: "fake".into(),
        voice_compatible: false,
    };
    let head = Message::head(Metadata::new().with(CONTENT_TYPE, kind), Reply::json(&audio)?.body);
    Ok(vec![head, Message::data(sound)])
}

/// Nobody speaks in a voice that is not listed, or writes another format than is spoken.
fn check(request: &Synthesize, asked: &str) -> Result<(), Failure> {
    if request.text.trim().is_empty() {
        return Err(nothing_to_say());
    }
    if !request.voice.is_empty() {
        let message = "there are no voices in this test";
        return Err(Failure::new(class::NOT_FOUND, code::VOICE_NOT_FOUND, message));
    }
    if asked == method::SYNTHESIZE && !["", "wav"].contains(&request.format.as_str()) {
        let message = "only `wav` is written in this test";
        return Err(Failure::new(class::INVALID, code::FORMAT_UNSUPPORTED, message));
    }
    Ok(())
}

/// A file of 16-bit samples, 8,000 a second.
fn wav(samples: &[u8]) -> Vec<u8> {
    let length = u32::try_from(samples.len()).unwrap_or(u32::MAX - 36);
    let mut file = b"RIFF".to_vec();
    file.extend((36 + length).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    file.extend(8000_u32.to_le_bytes());
    file.extend(16000_u32.to_le_bytes());
    file.extend(b"\x02\0\x10\0data");
    file.extend(length.to_le_bytes());
    file.extend(samples);
    file
}
