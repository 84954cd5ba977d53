//! `loader tts`: speaks, and lists what there is to speak with.

use std::io::{self, Read as _};

use loader_contract::speech::{
    Audio, CONTRACT, Gender, Provider, ProviderList, Synthesize, Voice, VoiceList, method,
};
use serde_json::json;

use super::call::{asking, show};
use crate::args::{Tts, TtsList};
use crate::context::Context;
use crate::finding::Finding;
use crate::output::{Answer, CommandResult, Outcome, Output, harmless, table};

/// Speaks, or lists.
pub(super) fn tts(arguments: &Tts, context: &Context, output: &Output) -> CommandResult {
    match arguments.list {
        None => speak(arguments, context, output),
        Some(TtsList::Voices) => asking(context, output, "tts", async |partner| {
            let list: VoiceList =
                partner.answer(&format!("{CONTRACT}/{}", method::VOICES), &()).await?;
            let data = json!(list);
            Ok(Answer { text: voices(&list.voices), data, warnings: Vec::new() }.into())
        }),
        Some(TtsList::Providers) => asking(context, output, "tts", async |partner| {
            let list: ProviderList =
                partner.answer(&format!("{CONTRACT}/{}", method::PROVIDERS), &()).await?;
            let data = json!(list);
            Ok(Answer { text: providers(&list.providers), data, warnings: Vec::new() }.into())
        }),
    }
}

fn speak(arguments: &Tts, context: &Context, output: &Output) -> CommandResult {
    if arguments.output.is_none() && output.is_json() {
        let message = "the sound and the JSON would both go to standard output";
        let finding = Finding::error("LDR-CALL-BINARY", message);
        return Err(finding.hint("name a file: --output FILE").into());
    }
    let request = Synthesize {
        text: text_of(arguments.text.as_deref().unwrap_or_default())?,
        voice: arguments.voice.clone(),
        locale: arguments.locale.clone(),
        speed: arguments.speed,
        format: String::new(),
    };
    let method = if arguments.telephony { method::TELEPHONY } else { method::SYNTHESIZE };
    asking(context, output, "tts", async |partner| {
        let body = json!(request).to_string().into_bytes();
        let provider = arguments.provider.as_deref();
        let pieces = partner.ask(&format!("{CONTRACT}/{method}"), provider, body).await?;
        let shown = show(pieces, arguments.output.as_deref(), output).await?;
        Ok(match shown {
            Outcome::Answered(answer) => described(answer).into(),
            other => other,
        })
    })
}

fn text_of(argument: &str) -> Result<String, Finding> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text).map_err(|error| {
        Finding::error("LDR-CALL-REQUEST", format!("standard input cannot be read: {error}"))
    })?;
    Ok(text)
}

/// Says beside the file what the sound in it is: PCM does not say so itself.
fn described(answer: Answer) -> Answer {
    let Ok(audio) = serde_json::from_value::<Audio>(answer.data["head"].clone()) else {
        return answer;
    };
    let mut text = format!("{}: {}", answer.text.trim_end(), harmless(&audio.format));
    if audio.sample_rate > 0 {
        text += &format!(", {} Hz", audio.sample_rate);
    }
    if !audio.provider.is_empty() {
        text += &format!(", by {}", harmless(&audio.provider));
    }
    Answer { text: text + "\n", ..answer }
}

fn voices(voices: &[Voice]) -> String {
    let row = |voice: &Voice| {
        let gender = match voice.gender {
            Gender::Female => "female",
            Gender::Male => "male",
            Gender::Neutral => "",
        };
        let (id, locale) = (voice.id.clone(), voice.locale.clone());
        [voice.provider.clone(), id, locale, gender.to_owned(), voice.name.clone()]
    };
    let rows: Vec<_> = voices.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    table(["PROVIDER", "VOICE", "LOCALE", "GENDER", "NAME"], &rows)
}

fn providers(providers: &[Provider]) -> String {
    let row = |one: &Provider| {
        [one.id.clone(), one.plugin.clone(), one.methods.join(", "), one.label.clone()]
    };
    let rows: Vec<_> = providers.iter().map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    table(["PROVIDER", "PLUGIN", "BESIDES SPEAKING", "NAME"], &rows)
}
