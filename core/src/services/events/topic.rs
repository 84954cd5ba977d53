//! Topics and the patterns subscribers choose them by.

use crate::message::Failure;
use loader_abi::class;

/// The longest topic in bytes.
const MAX_TOPIC_BYTES: usize = 256;

/// What a subscriber listens to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    /// This topic.
    Exact(String),
    /// Every topic that begins so; ends in a dot.
    Below(String),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, Failure> {
        let stem = text.strip_suffix(".*");
        check(stem.unwrap_or(text))?;
        Ok(match stem {
            Some(stem) => Self::Below(format!("{stem}.")),
            None => Self::Exact(text.to_owned()),
        })
    }

    pub(super) fn matches(&self, topic: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == topic,
            Self::Below(stem) => topic.starts_with(stem.as_str()),
        }
    }
}

/// A topic is lower-case words joined by dots; words may contain digits, hyphens and underscores.
pub(super) fn check(topic: &str) -> Result<(), Failure> {
    let word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    if topic.len() <= MAX_TOPIC_BYTES && topic.split('.').all(word) {
        return Ok(());
    }
    let shown: String = topic.chars().take(64).collect();
    let message = format!("`{}` is not a topic", shown.escape_debug());
    Err(Failure::new(class::INVALID, "LDR-EVENT-TOPIC", message).hint(
        "a topic is lower-case words joined by dots, such as `message.received`; to hear all below one, end it in `.*`",
    ))
}
