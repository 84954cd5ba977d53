//! Guides for authors, and the page of this crate: what they show is compiled with the documentation's own
//! examples.

#[doc = include_str!("../README.md")]
pub struct Readme;

#[doc = include_str!("../../../docs/guides/hooks.md")]
pub struct Hooks;

#[doc = include_str!("../../../docs/guides/speech.md")]
pub struct Speech;
