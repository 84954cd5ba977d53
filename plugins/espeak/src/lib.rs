//! Speech by the program `espeak-ng`.
//!
//! | module | idea |
//! | --- | --- |
//! | `config` | what an operator may set |
//! | `program` | the program is found, run for one text, and never left running |
//! | `voices` | its voices, and which one a request means |
//! | `wav`, `resampling` | what it wrote: files, and the rate of telephones |

mod config;
mod program;
mod resampling;
mod voices;
mod wav;

use config::Config;
use loader_sdk::{contract::speech::code, prelude::*};
use program::Outcome;
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};
use voices::Voices;
use wav::Sound;

/// The most characters of one text; some twenty minutes of speech.
const MOST_CHARACTERS: usize = 20_000;

/// How many minutes of speech the most is that is taken of the program: 16 bits a sample, at its own rate.
const MOST_MINUTES: u64 = program::MOST_OUTPUT / (2 * 22_050) / 60;

/// The program's own speed, in words a minute, and what it can do.
const WORDS: f64 = 175.0;
const SLOWEST: f64 = 80.0;
const FASTEST: f64 = 450.0;

/// Samples per second of a telephone.
const TELEPHONE: u32 = 8000;

struct Espeak {
    host: Host,
    config: Config,
    places: Semaphore,
    voices: OnceCell<Voices>,
}

impl Plugin for Espeak {
    type Config = Config;

    async fn start(host: Host, config: Config) -> Result<Self> {
        let places = Semaphore::new(config.processes as usize);
        Ok(Self { host, config, places, voices: OnceCell::new() })
    }
}

impl Speech for Espeak {
    async fn synthesize(&self, _: Call, request: Synthesize, audio: AudioSink) -> Result<()> {
        if !matches!(request.format.as_str(), "" | "wav") {
            let message = format!("there is no `{}`, only `wav`", request.format.escape_debug());
            return Err(Error::invalid(code::FORMAT_UNSUPPORTED, message));
        }
        let sound = self.speak(request).await?;
        audio.begin(&described("wav", &sound)).await?;
        audio.write(&sound.file()).await
    }

    async fn voices(&self, _: Call) -> Result<VoiceList> {
        Ok(VoiceList { voices: self.known().await?.list(&self.config.voice) })
    }

    async fn telephony(&self, _: Call, request: Synthesize, audio: AudioSink) -> Result<()> {
        let spoken = self.speak(request).await?;
        let samples = resampling::resample(&spoken.samples, spoken.rate, TELEPHONE);
        let sound = Sound { rate: TELEPHONE, samples };
        audio.begin(&described("pcm-s16le", &sound)).await?;
        audio.write(&sound.bytes()).await
    }
}

fn described(format: &str, sound: &Sound) -> Audio {
    Audio { format: format.into(), sample_rate: sound.rate, channels: 1, ..Audio::default() }
}

impl Espeak {
    /// All of a text, spoken. It is kept until it is whole, so that a program that fails half-way has said
    /// nothing, and another provider can be asked.
    async fn speak(&self, request: Synthesize) -> Result<Sound> {
        if request.text.trim().is_empty() {
            return Err(Error::invalid("LDR-CALL-REQUEST", "there is nothing to say"));
        }
        let characters = request.text.chars().count();
        if characters > MOST_CHARACTERS {
            return Err(too_long(format!(
                "the text has {characters} characters, and one may have {MOST_CHARACTERS}"
            )));
        }
        let voice = self.voice(&request).await?;
        let speed = words_a_minute(request.speed)?;
        // UTF-8 from standard input, to standard output.
        let arguments = ["-b", "1", "--stdin", "--stdout", "-v", &voice, "-s", &speed];
        // The program would take a NUL for the end.
        let written = self.run(&arguments, request.text.replace('\0', " ")).await?;
        wav::read(&written).ok_or_else(|| {
            Error::unavailable(code::ENGINE_FAILED, "espeak-ng wrote something that is no sound")
        })
    }

    /// The voice that a request means.
    async fn voice(&self, request: &Synthesize) -> Result<String> {
        let voices = self.known().await?;
        let found = match (&*request.voice, &*request.locale) {
            ("", "") => voices.find(&self.config.voice).ok_or(("voice", &self.config.voice)),
            ("", locale) => voices.of_locale(locale).ok_or(("voice for", &request.locale)),
            (voice, _) => voices.find(voice).ok_or(("voice", &request.voice)),
        };
        found.map_err(|(what, wanted)| {
            let message = format!("espeak-ng has no {what} `{}`", wanted.escape_debug());
            Error::not_found(code::VOICE_NOT_FOUND, message).hint("loader tts voices")
        })
    }

    /// The voices, which the program is asked for once.
    async fn known(&self) -> Result<&Voices> {
        self.voices
            .get_or_try_init(|| async {
                let languages = self.run(&["--voices"], String::new()).await?;
                let variants = self.run(&["--voices=variant"], String::new()).await?;
                let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
                Ok(Voices::parse(&text(&languages), &text(&variants)))
            })
            .await
    }

    /// What the program writes.
    async fn run(&self, arguments: &[&str], text: String) -> Result<Vec<u8>> {
        let path = program::find(&self.config.program)?;
        let _place = self.places.acquire().await?;
        let time = Duration::from_millis(self.config.timeout_ms);
        let outcome = self.host.timeout(time, program::run(&path, arguments, text)).await;
        match outcome.transpose()? {
            Some(Outcome::Wrote(written)) => Ok(written),
            Some(Outcome::TooLong) => {
                Err(too_long(format!("the text takes more than {MOST_MINUTES} minutes to speak")))
            }
            Some(Outcome::Failed(why)) => {
                let message = format!("espeak-ng failed: {why}");
                Err(Error::unavailable(code::ENGINE_FAILED, message))
            }
            None => {
                let message = format!("espeak-ng took longer than {} ms", time.as_millis());
                Err(Error::unavailable(code::ENGINE_FAILED, message)
                    .hint("raise plugins.entries.espeak.config.timeout_ms"))
            }
        }
    }
}

fn words_a_minute(speed: Option<f64>) -> Result<String> {
    let speed = speed.unwrap_or(1.0);
    if !speed.is_finite() || speed <= 0.0 {
        return Err(Error::invalid("LDR-CALL-REQUEST", "the speed is a number above 0"));
    }
    Ok(format!("{:.0}", (WORDS * speed).clamp(SLOWEST, FASTEST)))
}

fn too_long(message: String) -> Error {
    Error::invalid(code::TEXT_TOO_LONG, message).hint("split the text")
}

export_plugin! {
    plugin: Espeak,
    id: "espeak",
    provides: [speech: "espeak"],
}
