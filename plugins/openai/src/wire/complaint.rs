//! How servers say no: several forms of JSON, one meaning.

use serde_json::Value;

/// What a server says is wrong.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Complaint {
    /// The server's sentence; empty when it gave none.
    pub(crate) message: String,
    /// The server's code, as text even where it is a number.
    code: String,
    /// The server's word for the kind of error.
    kind: String,
}

impl Complaint {
    /// Reads the body of a response whose status says that it is a complaint.
    pub(crate) fn from_body(body: &[u8]) -> Self {
        if let Ok(value) = serde_json::from_slice::<Value>(body) {
            return Self::from_value(&value);
        }
        // A page of HTML, from something in between, says nothing that the status does not.
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let message = if text.starts_with('<') { String::new() } else { text.to_owned() };
        Self { message, ..Self::default() }
    }

    /// Reads a JSON value: `{"error": …}`, or what would stand in there.
    pub(crate) fn from_value(value: &Value) -> Self {
        let error = value.get("error").filter(|error| !error.is_null()).unwrap_or(value);
        let message = [error, &error["message"], &error["detail"], &error["msg"]];
        let message = message.into_iter().find_map(Value::as_str).unwrap_or_default();
        let text = |field: &Value| match field {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        Self { message: message.to_owned(), code: text(&error["code"]), kind: text(&error["type"]) }
    }

    /// Whether it is the model that is not there, whatever the status.
    pub(crate) fn is_about_the_model(&self) -> bool {
        self.code == "model_not_found"
    }

    /// The status this would have had, for a complaint that came after a good one.
    pub(crate) fn status(&self) -> u16 {
        let number = self.code.parse().ok().filter(|number| (400..600).contains(number));
        number.unwrap_or_else(|| {
            [&self.code, &self.kind].into_iter().find_map(|word| status_of(word)).unwrap_or(500)
        })
    }
}

fn status_of(word: &str) -> Option<u16> {
    Some(match word {
        "rate_limit_exceeded" | "rate_limit_error" | "insufficient_quota" => 429,
        // OpenAI's kinds of limit.
        "requests" | "tokens" => 429,
        "invalid_api_key" | "authentication_error" => 401,
        "permission_error" | "permission_denied" => 403,
        "model_not_found" | "not_found_error" => 404,
        "invalid_request_error" | "context_length_exceeded" => 400,
        "overloaded_error" | "overloaded" => 503,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_sentence_is_found_in_every_form() {
        for body in [
            json!({ "error": { "message": "no", "type": "t", "code": "c" } }),
            json!({ "error": "no" }),
            json!({ "object": "error", "message": "no", "code": 400 }),
            json!({ "detail": "no" }),
            json!({ "error": null, "message": "no" }),
        ] {
            assert_eq!(Complaint::from_body(body.to_string().as_bytes()).message, "no", "{body}");
        }
    }

    #[test]
    fn text_is_a_sentence_but_a_page_is_not() {
        assert_eq!(Complaint::from_body(b" slow down\n").message, "slow down");
        assert_eq!(Complaint::from_body(b"<html>502</html>").message, "");
        assert_eq!(Complaint::from_body(b"\xff").message, "\u{FFFD}");
        assert_eq!(Complaint::from_body(b"").message, "");
        assert_eq!(Complaint::from_body(b"[1]").message, "");
    }

    #[test]
    fn a_complaint_in_a_stream_has_the_status_it_would_have_had() {
        let status = |error: Value| Complaint::from_value(&json!({ "error": error })).status();
        assert_eq!(status(json!({ "code": 429 })), 429);
        assert_eq!(status(json!({ "code": "502" })), 502);
        assert_eq!(status(json!({ "code": "rate_limit_exceeded", "type": "requests" })), 429);
        assert_eq!(
            status(json!({ "code": "model_not_found", "type": "invalid_request_error" })),
            404
        );
        assert_eq!(status(json!({ "type": "invalid_request_error" })), 400);
        assert_eq!(status(json!({ "type": "overloaded_error" })), 503);
        assert_eq!(status(json!({ "type": "server_error", "code": 7 })), 500);
        assert_eq!(status(json!("oh")), 500);
    }
}
