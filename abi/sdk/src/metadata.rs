//! Ordered metadata with lower-case keys and byte values.

use loader_abi::{
    Field,
    abi_stable::std_types::{RString, RVec},
};
use std::fmt;

/// An ordered multimap of lower-case keys and byte values.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Metadata(pub(crate) RVec<Field>);

impl Metadata {
    /// No entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry at the end.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl AsRef<[u8]>) -> Self {
        self.push(key, value);
        self
    }

    /// Adds an entry at the end.
    pub fn push(&mut self, key: &str, value: impl AsRef<[u8]>) {
        let key = if key.bytes().any(|byte| byte.is_ascii_uppercase()) {
            RString::from(key.to_ascii_lowercase())
        } else {
            RString::from(key)
        };
        self.0.push(Field { key, value: value.as_ref().into() });
    }

    /// The first value under a lower-case key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.0.iter().find(|field| field.key == key).map(|field| field.value.as_slice())
    }

    /// The first value under a lower-case key, if it is UTF-8.
    pub fn get_text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Every entry in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|field| (field.key.as_str(), field.value.as_slice()))
    }
}

impl fmt::Debug for Metadata {
    /// Keys only: values may be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.0.iter().map(|field| field.key.as_str())).finish()
    }
}
