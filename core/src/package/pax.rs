//! The records of extended headers, of which only those count that change nothing but a name.

use super::entries::ambiguous;
use crate::diagnostic::Diagnostic;

/// Records that say nothing about a file's name or content, and are ignored.
const IGNORED: [&str; 9] = [
    "atime",
    "ctime",
    "mtime",
    "uid",
    "gid",
    "uname",
    "gname",
    "comment",
    "LIBARCHIVE.creationtime",
];

/// How the names of further records begin that are ignored: attributes that are never applied.
const IGNORED_FAMILIES: [&str; 4] =
    ["LIBARCHIVE.xattr.", "SCHILY.xattr.", "SCHILY.acl.", "SCHILY.fflags"];

/// What an extended header says of the entry after it.
#[derive(Default)]
pub(super) struct Records {
    /// Its path.
    pub(super) path: Option<Vec<u8>>,
    /// Its size.
    pub(super) size: Option<u64>,
}

impl Records {
    /// Reads `<length> <key>=<value>\n`, as often as it stands there.
    pub(super) fn read(mut text: &[u8]) -> Result<Self, Diagnostic> {
        let mut records = Self::default();
        while !text.is_empty() {
            let (key, value, rest) = record(text)
                .ok_or_else(|| ambiguous("an extended header is damaged".to_owned()))?;
            text = rest;
            let key = String::from_utf8_lossy(key);
            match key.as_ref() {
                "path" if records.path.is_none() => records.path = Some(value.to_vec()),
                "size" if records.size.is_none() => records.size = Some(number(value)?),
                "path" | "size" => {
                    return Err(ambiguous(format!("an extended header has `{key}` twice")));
                }
                key if IGNORED.contains(&key) => {}
                key if IGNORED_FAMILIES.iter().any(|family| key.starts_with(family)) => {}
                key => {
                    let key = key.escape_debug();
                    return Err(ambiguous(format!("an extended header has `{key}`")));
                }
            }
        }
        Ok(records)
    }

    /// Whether it changes how the entry is read.
    pub(super) fn matter(&self) -> bool {
        self.path.is_some() || self.size.is_some()
    }
}

/// The key, the value, and what follows the record.
fn record(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = text.iter().take(10).position(|byte| *byte == b' ')?;
    let length: usize = plain_number(&text[..space])?.try_into().ok()?;
    let (record, rest) = text.split_at_checked(length)?;
    let record = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], rest))
}

fn number(value: &[u8]) -> Result<u64, Diagnostic> {
    plain_number(value)
        .ok_or_else(|| ambiguous("an extended header has no number as `size`".into()))
}

/// Digits and nothing else; `parse` alone would take a sign.
fn plain_number(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    plain.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}
