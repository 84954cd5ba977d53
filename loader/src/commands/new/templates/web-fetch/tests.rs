use super::*;

#[test]
fn a_page_has_a_title_and_a_text_without_tags() {
    let html = "<title>Lake</title><p>It was <b>cold</b>.</p>";
    assert_eq!(title(html).as_deref(), Some("Lake"));
    assert_eq!(text(html), "Lake\nIt was\ncold\n.");
    assert_eq!(cut("cold", 2), ("co".to_owned(), true));
}

#[test]
fn only_pages_of_the_web_are_fetched() {
    assert!(check("https://example.com/").is_ok());
    for (url, code) in [
        ("no address", code::URL_INVALID),
        ("file:///etc/hostname", code::URL_FORBIDDEN),
        ("https://me:secret@example.com/", code::URL_FORBIDDEN),
    ] {
        assert_eq!(check(url).unwrap_err().code(), code, "{url}");
    }
}
