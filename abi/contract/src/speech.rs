//! `speech/1`: text is spoken.
//!
//! | method | verb | request | answer |
//! | --- | --- | --- | --- |
//! | `synthesize` | open | [`Synthesize`] | a head of [`Audio`], then the file as `data` |
//! | `voices` (optional) | call | none | [`VoiceList`] |
//! | `telephony` (optional) | open | [`Synthesize`] | a head of [`Audio`], then 16-bit PCM as `data` |
//!
//! The head's body is the JSON of [`Audio`]; its metadata [`CONTENT_TYPE`](crate::CONTENT_TYPE) repeats the media type. The
//! audio must be complete when the stream ends; one that breaks off ends with an error.
//!
//! The host serves the same contract. It tries the providers in the order of `speech.providers`, goes
//! on with the next when one fails before its first piece, and adds `providers`. A request that names
//! a capability goes to that provider alone.

use crate::{
    catalogue::{Attribute, Class, Contract, Form, Method},
    contract_types,
};

/// The contract's name.
pub const CONTRACT: &str = "speech/1";

/// Methods.
pub mod method {
    /// Speaks into a file.
    pub const SYNTHESIZE: &str = "synthesize";
    /// Lists the voices.
    pub const VOICES: &str = "voices";
    /// Speaks for a telephone line.
    pub const TELEPHONY: &str = "telephony";
    /// Lists the providers; answered by the host.
    pub const PROVIDERS: &str = "providers";
}

/// Error codes of this contract.
pub mod code {
    /// The provider has no such voice. Class not-found.
    pub const VOICE_NOT_FOUND: &str = "voice_not_found";
    /// The provider cannot write this format. Class invalid.
    pub const FORMAT_UNSUPPORTED: &str = "format_unsupported";
    /// The provider does not speak for telephones. Class unimplemented.
    pub const TELEPHONY_UNSUPPORTED: &str = "telephony_unsupported";
    /// The text is longer than the provider takes. Class invalid.
    pub const TEXT_TOO_LONG: &str = "text_too_long";
    /// The provider lacks a setting or a program it needs. Class unavailable.
    pub const NOT_CONFIGURED: &str = "not_configured";
    /// The engine behind the provider failed. Class unavailable.
    pub const ENGINE_FAILED: &str = "engine_failed";
}

/// The contract besides its types.
pub const DESCRIPTION: Contract = Contract {
    clash: "LDR-CONFLICT-SPEECH",
    methods: &[
        Method::open(method::SYNTHESIZE, "Speaks into a file.").idempotent(),
        Method::call(method::VOICES, "Lists the voices.").optional().idempotent(),
        Method::open(method::TELEPHONY, "Speaks as 16-bit PCM for a telephone line.")
            .optional()
            .idempotent(),
    ],
    host_methods: &[Method::call(method::PROVIDERS, "Lists the providers.").idempotent()],
    attributes: &[
        Attribute::new("label", Form::Text, "The provider's name for people."),
        Attribute::new("methods", Form::Texts, "The optional methods it answers."),
    ],
    ..Contract::new(CONTRACT, Class::Capability, "Speaks text.")
};

contract_types! {
    /// The request of `synthesize` and `telephony`.
    #[derive(Default)]
    pub struct Synthesize {
        /// What to say.
        pub text: String,
        /// The voice's id; empty for the provider's own choice.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub voice: String,
        /// The language, such as `en-GB`, where no voice is named.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub locale: String,
        /// How fast, where 1 is the voice's own speed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub speed: Option<f64>,
        /// The format of the file, such as `wav`; empty for the provider's own choice.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub format: String,
    }

    /// What an answer holds.
    #[derive(Default)]
    pub struct Audio {
        /// The format: `wav`, `mp3`, `ogg`; `pcm-s16le` for a telephone line.
        pub format: String,
        /// Samples per second.
        #[serde(default)]
        pub sample_rate: u32,
        /// Channels: 1 or 2.
        #[serde(default)]
        pub channels: u16,
        /// The provider that speaks; the host fills it in.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub provider: String,
        /// Whether networks that tell voice messages from files take it as the former.
        #[serde(default)]
        pub voice_compatible: bool,
    }

    /// The answer to `voices`.
    #[derive(Default)]
    pub struct VoiceList {
        /// The voices, in the order they should be shown.
        #[serde(default)]
        pub voices: Vec<Voice>,
    }

    /// One voice.
    #[derive(Default)]
    pub struct Voice {
        /// Its id within the provider.
        pub id: String,
        /// Its name for people.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub name: String,
        /// Its language, such as `en-GB`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub locale: String,
        /// Its gender, when known.
        #[serde(default)]
        pub gender: Gender,
        /// What it is like: `calm`, `narrator`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub tags: Vec<String>,
        /// The provider that has it; the host fills it in.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub provider: String,
    }

    /// A voice's gender.
    #[derive(Default, Eq, Copy)]
    #[serde(rename_all = "kebab-case")]
    pub enum Gender {
        /// A woman's.
        Female,
        /// A man's.
        Male,
        /// Neither, or not known.
        #[default]
        #[serde(other)]
        Neutral,
    }

    /// The host's answer to `providers`.
    #[derive(Default)]
    pub struct ProviderList {
        /// The providers in the order they are tried.
        #[serde(default)]
        pub providers: Vec<Provider>,
    }

    /// One provider.
    #[derive(Default)]
    pub struct Provider {
        /// Its capability id.
        pub id: String,
        /// The plugin.
        #[serde(default)]
        pub plugin: String,
        /// Its name for people.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        pub label: String,
        /// The optional methods it answers.
        #[serde(default)]
        pub methods: Vec<String>,
    }
}
