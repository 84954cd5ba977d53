//! `web-fetch/1`.

use super::{
    Chapter,
    bench::{Bench, expect_refusal, read},
    promise::{Kept, broken, defect, given, promises},
    sample::Sample,
};
use crate::{Capture, Host};
use loader_abi::class;
use loader_contract::{
    service::http_client,
    web_fetch::{CONTRACT, FetchPage, Page, PageFormat, code, method},
};

/// The page that there is in a test, and what can be read on it.
const ADDRESS: &str = "http://example.com/";
const PAGE: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<title>A day at the lake</title></head><body><article><h1>A day at the lake</h1><p>We went out early, \
before the wind, and the water lay as still as a floor. By noon there were sails everywhere, and nobody \
who saw them would have said how cold the morning had been.</p><p>In the evening we came back by the \
other shore, where the reeds are, and heard the bittern for the first time this year. It is a sound that \
one takes for a distant ship until somebody says what it is.</p></article></body></html>";
const SENTENCE: &str = "heard the bittern for the first time";

/// What leads to another origin, and where.
const MOVED: &str = "http://example.com/moved";
const ELSEWHERE: &str = "https://elsewhere.example.com/lake";

/// A page whose status says that it is none.
const MISSING: &str = "http://example.com/missing";

/// What is no text.
const PICTURE: &str = "http://example.com/picture";

/// Puts all that can be fetched within a host's reach.
pub(super) fn pages(host: Host) -> Host {
    let html = ("content-type", "text/html; charset=utf-8");
    host.fetches_with(ADDRESS, 200, &[html], PAGE)
        .fetches_with(MOVED, 302, &[html, ("location", ELSEWHERE)], "")
        .fetches_with(ELSEWHERE, 200, &[html], PAGE)
        .fetches_with(MISSING, 404, &[html], PAGE)
        .fetches_with(
            PICTURE,
            200,
            &[("content-type", "image/png")],
            b"\x89PNG\r\n\x1a\n\0".to_vec(),
        )
}

pub(super) const CHAPTER: Chapter = Chapter {
    contract: CONTRACT,
    promises: promises!(Bench {
        "answers-a-page", "A page that is there is answered with its address and status." => answers;
        "page-has-its-title", "The page's title is in `title`." => has_title;
        "text-has-no-markup", "Plain text has what the page says, and no tags." => is_plain;
        "writes-what-is-asked-for", "`content_type` is that of the format, for each of them." => keeps_format;
        "keeps-to-max-bytes", "Content has at most `max_bytes`, and says if there was more." => keeps_size;
        "refuses-what-is-no-address", "What is no whole address is `url_invalid`." => refuses_nonsense;
        "refuses-other-schemes", "Other schemes than http and https are `url_forbidden`." => refuses_schemes;
        "answers-any-status", "A page that came is an answer, whatever its status." => answers_any_status;
        "hands-redirects-on",
            "A redirect to another origin is answered as `location`, and not followed." => hands_on;
        "refuses-what-is-no-text", "What is no text is `not_text`." => refuses_pictures;
    }),
    sample,
    told_by: None,
    safe: None,
};

fn sample(_: &Bench, _: &str) -> Sample {
    Sample::of(&page(PageFormat::Text))
}

fn page(format: PageFormat) -> FetchPage {
    FetchPage { url: ADDRESS.into(), format, ..FetchPage::default() }
}

async fn fetch(bench: &Bench, request: &FetchPage) -> Kept<Page> {
    let change =
        "answer the page that the host's HTTP fetches, or fail as unavailable where none comes";
    bench.ask(method::FETCH, request, change).await
}

/// Fetches another page than the one that can be.
async fn fetch_at(bench: &Bench, url: &str, change: &str) -> Kept<Page> {
    given(fetch(bench, &page(PageFormat::Text)).await)?;
    let request = FetchPage { url: url.into(), ..FetchPage::default() };
    match bench.send(method::FETCH, &request).await {
        Ok(reply) => read(method::FETCH, &reply.body),
        // It came, and the first one could be answered.
        Err(failure) => defect(&format!("`{url}`"), &failure, change),
    }
}

async fn answers(bench: &Bench) -> Kept {
    let Page { url, status, .. } = fetch(bench, &page(PageFormat::Text)).await?;
    match (url.contains("://"), status) {
        (true, 100..1000) => Ok(()),
        _ => broken(
            format!("the answer says url `{}` and status {status}", url.escape_debug()),
            "fill in the whole address of the page and the status of HTTP",
        ),
    }
}

async fn has_title(bench: &Bench) -> Kept {
    match given(fetch(bench, &page(PageFormat::Text)).await)?.title.trim() {
        "" => broken(
            "the page has a title, the answer has none",
            "put the page's `<title>` into `title`",
        ),
        _ => Ok(()),
    }
}

async fn is_plain(bench: &Bench) -> Kept {
    let content = given(fetch(bench, &page(PageFormat::Text)).await)?.content;
    let hint = "write the page's text without its tags; keep all of the article";
    if content.contains("</") || content.contains("<p") {
        return broken("the text has tags in it", hint);
    }
    match content.contains(SENTENCE) {
        true => Ok(()),
        false => broken(format!("the text lacks what the page says: \"{SENTENCE}\""), hint),
    }
}

async fn keeps_format(bench: &Bench) -> Kept {
    for format in [PageFormat::Text, PageFormat::Markdown, PageFormat::Html] {
        let (sent, wanted) =
            (given(fetch(bench, &page(format)).await)?.content_type, format.media_type());
        if sent != wanted {
            return broken(
                format!("asked for `{wanted}` it answers `{}`", sent.escape_debug()),
                "write the format that is asked for, and say so: `PageFormat::media_type`",
            );
        }
    }
    Ok(())
}

async fn keeps_size(bench: &Bench) -> Kept {
    let request = FetchPage { max_bytes: 64, ..page(PageFormat::Text) };
    let Page { content, truncated, .. } = given(fetch(bench, &request).await)?;
    let hint = "cut the content off between two characters, and set `truncated` if there was more";
    match (content.len(), truncated) {
        (0..=64, true) => Ok(()),
        (0..=64, false) => broken("what was cut off does not say so", hint),
        (bytes, _) => broken(format!("asked for 64 bytes it answers {bytes}"), hint),
    }
}

async fn refusal(bench: &Bench, url: &str, class: u32, code: &str) -> Kept {
    let request = FetchPage { url: url.into(), ..FetchPage::default() };
    let answer = bench.send(method::FETCH, &request).await;
    expect_refusal(&format!("the address `{url}`"), answer, class, &[code])
}

async fn refuses_nonsense(bench: &Bench) -> Kept {
    refusal(bench, "no address", class::INVALID, code::URL_INVALID).await
}

async fn refuses_schemes(bench: &Bench) -> Kept {
    refusal(bench, "file:///etc/hostname", class::FORBIDDEN, code::URL_FORBIDDEN).await
}

async fn answers_any_status(bench: &Bench) -> Kept {
    let hint = "answer the page with its `status`: a page that came is no error";
    match fetch_at(bench, MISSING, hint).await?.status {
        404 => Ok(()),
        status => broken(format!("a page with the status 404 is answered with {status}"), hint),
    }
}

async fn hands_on(bench: &Bench) -> Kept {
    let hint = "answer the status and `location`, and no content: the host checks where it leads, and \
                asks again";
    let Page { status, location, content, .. } = fetch_at(bench, MOVED, hint).await?;
    let asked = bench.loaded.captured().all();
    let is_elsewhere = |one: &Capture| one.metadata.get_text(http_client::URL) == Some(ELSEWHERE);
    if asked.iter().any(is_elsewhere) {
        return broken("a redirect to another origin is followed", hint);
    }
    match (status, location == ELSEWHERE, content.is_empty()) {
        (300..400, true, true) => Ok(()),
        (_, false, _) => broken(
            format!("a redirect to `{ELSEWHERE}` has the location `{}`", location.escape_debug()),
            hint,
        ),
        (300..400, ..) => broken("a redirect to another origin is answered with content", hint),
        _ => broken(format!("a redirect is answered with the status {status}"), hint),
    }
}

async fn refuses_pictures(bench: &Bench) -> Kept {
    given(fetch(bench, &page(PageFormat::Text)).await)?;
    refusal(bench, PICTURE, class::INVALID, code::NOT_TEXT).await
}
