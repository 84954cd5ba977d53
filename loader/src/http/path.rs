//! The one spelling of a path.
//!
//! A path that can be spelled in two ways lets a request slip past a check that knows only one of
//! them. So the escapes are undone once, and what could still be read in two ways is refused. A
//! canonical path has no per cent sign, so a plugin that decodes it again gets the same path.

use std::borrow::Cow;

use loader_abi::class;
use loader_core::message::Failure;
use loader_gateway::openai::Complaint;

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal(&'static str);

const RELATIVE: Refusal = Refusal("it does not begin with `/`");
const BACKSLASH: Refusal = Refusal("it has a backslash");
const CONTROL: Refusal = Refusal("it has a control character");
const ESCAPE: Refusal = Refusal("a `%` is not followed by two hexadecimal digits");
const HIDDEN: Refusal = Refusal("it hides a `/`, `\\`, `.`, `%` or control character in an escape");
const NOT_UTF8: Refusal = Refusal("its escapes are not UTF-8");
const EMPTY_SEGMENT: Refusal = Refusal("it has `//`");
const DOT_SEGMENT: Refusal = Refusal("it has a segment `.` or `..`");

impl From<Refusal> for Complaint {
    fn from(Refusal(reason): Refusal) -> Self {
        let message = format!("the path can be read in more than one way: {reason}");
        let failure = Failure::new(class::INVALID, "LDR-HTTP-PATH", message)
            .hint("send the path in its plainest spelling");
        Complaint::new(400, "invalid_path", failure)
    }
}

/// Makes a path canonical: all escapes undone. Costs nothing when there are none.
pub(super) fn canonicalise(raw: &str) -> Result<Cow<'_, str>, Refusal> {
    if !raw.starts_with('/') {
        return Err(RELATIVE);
    }
    if raw.contains('\\') {
        return Err(BACKSLASH);
    }
    let path = if raw.contains('%') { Cow::Owned(decode(raw)?) } else { Cow::Borrowed(raw) };
    if path.chars().any(char::is_control) {
        return Err(CONTROL);
    }
    check_segments(&path)?;
    Ok(path)
}

fn decode(raw: &str) -> Result<String, Refusal> {
    let mut decoded = Vec::with_capacity(raw.len());
    let mut bytes = raw.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(ESCAPE) };
        let byte = u8::try_from(high * 16 + low).map_err(|_| ESCAPE)?;
        if matches!(byte, b'/' | b'\\' | b'.' | b'%') || byte.is_ascii_control() {
            return Err(HIDDEN);
        }
        decoded.push(byte);
    }
    String::from_utf8(decoded).map_err(|_| NOT_UTF8)
}

fn check_segments(path: &str) -> Result<(), Refusal> {
    if path.contains("//") {
        return Err(EMPTY_SEGMENT);
    }
    let dots = path.split('/').any(|segment| {
        // Some servers cut `;parameters` off a segment before they look at it.
        let name = segment.split(';').next().unwrap_or_default();
        name == "." || name == ".."
    });
    if dots { Err(DOT_SEGMENT) } else { Ok(()) }
}
