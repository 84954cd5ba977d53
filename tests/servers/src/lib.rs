//! Servers for tests, each on loopback only.
//!
//! [`openai`] is an OpenAI-compatible server that answers well or badly as the model's name says, so
//! that one process serves every scenario of a test. The program around it is
//! `misbehaving-openai`.

pub mod openai;
