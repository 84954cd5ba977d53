//! The OpenAI chat-completions wire format, to and from `text-inference/1`.
//!
//! Pure translation: bytes in, values out, and back. Sockets, headers and deadlines are the HTTP
//! edge's.
//!
//! | from | to |
//! | --- | --- |
//! | the body of `POST /v1/chat/completions` | [`ChatRequest`] |
//! | `GenerateResponse` | [`completion`] |
//! | `StreamEvent`s | [`Chunks`], as server-sent events |
//! | the gateway's models | [`model_list`] |
//! | a failure | [`Complaint`], the JSON error that OpenAI's clients expect |

mod answer;
mod chunks;
mod complaint;
mod content;
mod message;
mod model_list;
mod request;

pub use answer::{Heading, completion};
pub use chunks::Chunks;
pub use complaint::Complaint;
pub use model_list::model_list;
pub use request::ChatRequest;

/// Writes a value made of plain fields and string keys.
fn to_json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("plain fields and string keys always become JSON")
}

#[cfg(test)]
mod tests;
