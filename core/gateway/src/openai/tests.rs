//! Golden JSON for every form of the wire format, in both directions.

mod answers;
mod chunks;
mod complaints;
mod properties;
mod requests;

use serde_json::Value;

use super::Heading;

fn heading() -> Heading {
    Heading { id: "chatcmpl-1".into(), created: 1_700_000_000, model: "echo/echo".into() }
}

fn parse(json: &[u8]) -> Value {
    serde_json::from_slice(json).expect("what is written is JSON")
}
