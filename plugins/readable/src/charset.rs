//! Text of bytes, in whichever encoding they are.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// How far a page is searched for what it says of its own encoding: as far as browsers do.
const SEARCHED: usize = 1024;

/// The text: by the mark at its beginning, else as the server says, else as the page does. Of one of which
/// nobody says anything, UTF-8 if it can be that, and what old pages are otherwise.
pub(crate) fn decode(body: &[u8], named: Option<&str>) -> String {
    let said = named.map(str::as_bytes).and_then(Encoding::for_label).or_else(|| declared(body));
    let encoding = said.unwrap_or_else(|| match std::str::from_utf8(body) {
        Ok(_) => UTF_8,
        Err(_) => WINDOWS_1252,
    });
    encoding.decode(body).0.into_owned()
}

/// The encoding in `<meta charset=…>`, or in the `content` of another `<meta>`.
fn declared(body: &[u8]) -> Option<&'static Encoding> {
    let head = String::from_utf8_lossy(&body[..body.len().min(SEARCHED)]).to_ascii_lowercase();
    let tags = head.split("<meta").skip(1).filter_map(|tag| tag.split('>').next());
    let mut labels =
        tags.filter_map(|tag| tag.split_once("charset")?.1.trim_start().strip_prefix('='));
    labels.find_map(|label| {
        let label = label.trim_start().trim_start_matches(['"', '\'']);
        let end = label.find(['"', '\'', ';', '/', ' ']).unwrap_or(label.len());
        Encoding::for_label(&label.as_bytes()[..end])
    })
}
