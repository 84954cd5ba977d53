//! The author's error type.

use loader_abi::{
    CallError,
    abi_stable::std_types::{RBox, ROption},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{fmt, time::Duration};

/// Broad classes of errors; see [`loader_abi::class`].
pub use loader_abi::class;

/// `Result` with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call failed: a class, a stable code, a sentence.
///
/// Any `std::error::Error` becomes one by `?`, with the class internal; say something better where
/// the caller could act on it.
pub struct Error(Box<CallError>);

impl Error {
    /// An error of one of the [`class`]es, with a stable code and a sentence without secrets.
    pub fn new(class: u32, code: &str, message: impl Into<String>) -> Self {
        Self(Box::new(CallError::new(class, code, message)))
    }

    /// The request is wrong.
    pub fn invalid(code: &str, message: impl Into<String>) -> Self {
        Self::new(class::INVALID, code, message)
    }

    /// The thing asked for does not exist.
    pub fn not_found(code: &str, message: impl Into<String>) -> Self {
        Self::new(class::NOT_FOUND, code, message)
    }

    /// What is needed cannot be reached now.
    pub fn unavailable(code: &str, message: impl Into<String>) -> Self {
        Self::new(class::UNAVAILABLE, code, message)
    }

    /// The operation is not known.
    pub fn unimplemented(operation: &str) -> Self {
        Self::new(
            class::UNIMPLEMENTED,
            "LDR-CALL-UNIMPLEMENTED",
            format!("this plugin does not answer `{operation}`"),
        )
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = hint.into().into();
        self
    }

    /// Adds when trying again may help.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        let milliseconds = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        self.0.retry_after_ms = ROption::RSome(milliseconds);
        self
    }

    /// Adds details: a value whose JSON is an object.
    #[must_use]
    pub fn with_details<T: Serialize>(mut self, details: &T) -> Self {
        self.0.details = serde_json::to_vec(details).unwrap_or_default().into();
        self
    }

    /// The class; see [`class`].
    pub fn class(&self) -> u32 {
        self.0.class
    }

    /// The stable code.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The details, if they are of this type.
    pub fn details<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.0.details).ok()
    }

    /// When trying again may help.
    pub fn retry_after_hint(&self) -> Option<Duration> {
        self.0.retry_after_ms.into_option().map(Duration::from_millis)
    }

    pub(crate) fn panicked(message: &str) -> Self {
        Self::new(class::PANIC, "LDR-CALL-PANIC", format!("the plugin panicked: {message}"))
    }

    pub(crate) fn into_abi(self) -> RBox<CallError> {
        RBox::from_box(self.0)
    }

    pub(crate) fn from_abi(error: RBox<CallError>) -> Self {
        Self(Box::new(RBox::into_inner(error)))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Error")
            .field("class", &class::name(self.0.class))
            .field("code", &self.0.code.as_str())
            .field("message", &self.0.message.as_str())
            .finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0.message)
    }
}

impl<E: std::error::Error> From<E> for Error {
    fn from(error: E) -> Self {
        Self::new(class::INTERNAL, "LDR-CALL-INTERNAL", error.to_string())
    }
}
