//! `speech/1`.

use super::{
    Chapter,
    bench::{Bench, Gathered, expect_distinct, expect_refusal, read},
    promise::{Kept, broken, given, is_for_want, promises, said, unasked},
    sample::Sample,
};
use loader_abi::class;
use loader_contract::{
    CONTENT_TYPE,
    speech::{Audio, CONTRACT, Synthesize, VoiceList, code, method},
};
use loader_core::message::{Failure, Metadata};

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "says-what-audio-it-is", "The head says the format, the rate and the channels." => has_head;
        "names-the-media-type", "The head's metadata names the media type." => names_type;
        "audio-comes-whole", "After the head comes audio, and the stream ends well." => is_whole;
        "wav-is-a-wav", "A `wav` is a RIFF file that agrees with the head." => is_wav;
        "keeps-to-the-format", "It writes the format that is asked for, or refuses it."
            => keeps_format;
        "refuses-unknown-formats", "A format it cannot write is `format_unsupported`."
            => refuses_format;
        "refuses-unknown-voices", "A voice it does not have is `voice_not_found`." => refuses_voice;
        "voices-are-told-apart", "Voices have ids, and no two the same." => voices_differ;
        "voices-speak", "The first voice that it lists can be asked for." => voices_speak;
        "telephony-is-pcm", "`telephony` is `pcm-s16le`, one channel, 8 kHz or more." => is_telephony;
    }),
    sample,
    told_by: None,
    safe: Some(method::VOICES),
};

fn sample(_: &Bench, asked: &str) -> Sample {
    match asked {
        method::VOICES => Sample::Nothing,
        _ => Sample::of(&words()),
    }
}

/// What to change where it does not speak.
const SPEAK: &str =
    "speak what can be spoken; what cannot is refused with a code of the contract's";

/// What to change where it breaks off.
const WHOLE: &str =
    "return an error before `begin` where it cannot be spoken; write all of it after";

fn words() -> Synthesize {
    Synthesize { text: "Hello.".into(), ..Synthesize::default() }
}

async fn speak(bench: &Bench, request: &Synthesize) -> Kept<(Audio, Gathered)> {
    let spoken = bench.gather(method::SYNTHESIZE, request, SPEAK).await?;
    let audio = read("the head of `synthesize`", &spoken.head.body)?;
    Ok((audio, spoken))
}

async fn has_head(bench: &Bench) -> Kept {
    let (audio, _) = speak(bench, &words()).await?;
    if audio.format.is_empty() || audio.sample_rate == 0 || !(1..=2).contains(&audio.channels) {
        return broken(
            format!(
                "the head says format `{}`, {} samples per second, {} channels",
                audio.format, audio.sample_rate, audio.channels
            ),
            "fill in `format`, `sample_rate` and `channels` of the Audio given to `begin`",
        );
    }
    Ok(())
}

async fn names_type(bench: &Bench) -> Kept {
    let (_, spoken) = given(speak(bench, &words()).await)?;
    match spoken.head.metadata.get_text(CONTENT_TYPE) {
        Some(kind) if kind.contains('/') => Ok(()),
        _ => broken(
            format!("the head has no `{CONTENT_TYPE}`"),
            "say it in the head's metadata; `AudioSink::begin` does",
        ),
    }
}

async fn is_whole(bench: &Bench) -> Kept {
    let (_, spoken) = speak(bench, &words()).await?;
    spoken.require_end("the audio", WHOLE)?;
    match spoken.data().is_empty() {
        false => Ok(()),
        true => {
            broken("there is no audio after the head", "write the audio with `AudioSink::write`")
        }
    }
}

async fn is_wav(bench: &Bench) -> Kept {
    let (audio, spoken) = given(speak(bench, &words()).await)?;
    if audio.format != "wav" {
        return unasked(format!("what it writes is `{}`", audio.format.escape_debug()));
    }
    let file = spoken.data();
    let hint = "write the RIFF header and the samples of one and the same file, and say in the head \
                what the file says";
    let Some(wav) = Wav::read(&file) else {
        return broken(format!("the `wav` of {} bytes is no RIFF/WAVE file", file.len()), hint);
    };
    if (wav.rate, wav.channels) != (audio.sample_rate, audio.channels) {
        return broken(
            format!(
                "the file has {} samples per second and {} channels, the head says {} and {}",
                wav.rate, wav.channels, audio.sample_rate, audio.channels
            ),
            hint,
        );
    }
    Ok(())
}

/// What the header of a RIFF/WAVE file says.
struct Wav {
    rate: u32,
    channels: u16,
}

impl Wav {
    /// Reads the chunk `fmt ` and sees that there is `data`.
    fn read(file: &[u8]) -> Option<Self> {
        let chunks = file.strip_prefix(b"RIFF")?.get(4..)?.strip_prefix(b"WAVE")?;
        let (mut rest, mut format) = (chunks, None);
        loop {
            let (header, body) = rest.split_at_checked(8)?;
            let size = u32::from_le_bytes(header[4..].try_into().ok()?) as usize;
            match &header[..4] {
                b"fmt " => {
                    let channels = u16::from_le_bytes(body.get(2..4)?.try_into().ok()?);
                    let rate = u32::from_le_bytes(body.get(4..8)?.try_into().ok()?);
                    format = Some(Self { rate, channels });
                }
                // A file that is written while it is spoken may not know its size yet.
                b"data" => return format.filter(|_| !body.is_empty()),
                _ => {}
            }
            rest = body.get(size + size % 2..)?;
        }
    }
}

async fn keeps_format(bench: &Bench) -> Kept {
    let (audio, _) = given(speak(bench, &words()).await)?;
    let other = if audio.format == "wav" { "mp3" } else { "wav" };
    for format in [audio.format.as_str(), other] {
        let request = Synthesize { format: format.into(), ..words() };
        let body = serde_json::to_vec(&request).unwrap_or_default();
        let stream = match bench.open(method::SYNTHESIZE, Metadata::new(), body).await {
            Ok(stream) => stream,
            Err(failure) if format == audio.format && !is_for_want(&failure) => {
                return broken(
                    format!("it writes `{format}` and refuses it when asked: {}", said(&failure)),
                    "take the name of the format that is written where none is asked for",
                );
            }
            Err(failure) => {
                expect_refusal::<()>(
                    &format!("the format `{format}`"),
                    Err(failure),
                    class::INVALID,
                    &[code::FORMAT_UNSUPPORTED],
                )?;
                continue;
            }
        };
        let written: Audio = read("the head of `synthesize`", &stream.head.body)?;
        if written.format != format {
            return broken(
                format!("asked for `{format}` it writes `{}`", written.format),
                "write the format in `Synthesize::format`, or refuse it as `format_unsupported`",
            );
        }
    }
    Ok(())
}

async fn try_to_speak(bench: &Bench, request: &Synthesize) -> Result<(), Failure> {
    let body = serde_json::to_vec(request).unwrap_or_default();
    bench.open(method::SYNTHESIZE, Metadata::new(), body).await.map(drop)
}

async fn refuses_format(bench: &Bench) -> Kept {
    let request = Synthesize { format: "no-such-format".into(), ..words() };
    let answer = try_to_speak(bench, &request).await;
    expect_refusal("an unknown format", answer, class::INVALID, &[code::FORMAT_UNSUPPORTED])
}

async fn refuses_voice(bench: &Bench) -> Kept {
    let request = Synthesize { voice: "no-such-voice".into(), ..words() };
    let answer = try_to_speak(bench, &request).await;
    expect_refusal("an unknown voice", answer, class::NOT_FOUND, &[code::VOICE_NOT_FOUND])
}

async fn voices(bench: &Bench) -> Kept<VoiceList> {
    match bench.lists(method::VOICES) {
        true => bench.ask_for(method::VOICES, "list the voices that are known").await,
        false => unasked("it lists no `voices`"),
    }
}

async fn voices_differ(bench: &Bench) -> Kept {
    let voices = voices(bench).await?.voices;
    expect_distinct("voice", "id", voices.iter().map(|voice| voice.id.as_str()))
}

async fn voices_speak(bench: &Bench) -> Kept {
    let Some(voice) = voices(bench).await?.voices.into_iter().next() else {
        return unasked("it has no voices");
    };
    let request = Synthesize { voice: voice.id.clone(), ..words() };
    match try_to_speak(bench, &request).await {
        Ok(()) => Ok(()),
        Err(failure) => {
            let what = format!("the voice `{}`", voice.id.escape_debug());
            bench.fault(&what, &failure, "list no voice that cannot be asked for")
        }
    }
}

async fn is_telephony(bench: &Bench) -> Kept {
    if !bench.lists(method::TELEPHONY) {
        return unasked("it lists no `telephony`");
    }
    let spoken = bench.gather(method::TELEPHONY, &words(), SPEAK).await?;
    spoken.require_end("`telephony`", WHOLE)?;
    let audio: Audio = read("the head of `telephony`", &spoken.head.body)?;
    if audio.format != "pcm-s16le" || audio.sample_rate < 8000 || audio.channels != 1 {
        return broken(
            format!(
                "`telephony` says format `{}`, {} samples per second, {} channels",
                audio.format, audio.sample_rate, audio.channels
            ),
            "speak `pcm-s16le` with one channel and 8,000 samples per second or more",
        );
    }
    let bytes = spoken.data().len();
    match bytes > 0 && bytes.is_multiple_of(2) {
        true => Ok(()),
        false => broken(
            format!("`telephony` speaks {bytes} bytes, which are no samples of 16 bits"),
            "write whole samples of two bytes, and no header before them",
        ),
    }
}
