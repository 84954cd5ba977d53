//! Pages as they are, and pages as they should not be.

use crate::{
    address,
    article::Article,
    charset::decode,
    cut,
    download::{Kind, media_type},
};
use loader_sdk::contract::web_fetch::{PageFormat, code};
use url::Url;

const ARTICLE: &str = include_str!("tests/article.html");
const START: &str = include_str!("tests/start.html");
/// In ISO 8859-1, which it says itself.
const LATIN: &[u8] = include_bytes!("tests/latin.html");

fn read(html: &str, format: PageFormat) -> Article {
    let url = Url::parse("https://courier.example/news/mill").expect("an address");
    Article::of(html, &url, format).expect("an article")
}

#[test]
fn an_article_is_found_among_all_that_is_around_it() {
    let article = read(ARTICLE, PageFormat::Text);
    assert_eq!(article.title, "Why the old mill turns again");
    for kept in [
        "After forty years",
        "seven times a minute",
        "What comes next",
        "who keep hens",
        "the rain says so",
    ] {
        assert!(article.content.contains(kept), "{kept}: {}", article.content);
    }
    for around in [
        "Subscribe",
        "boat",
        "Most read",
        "First!",
        "Copyright",
        "tracker",
        "script",
        "</",
        "display",
    ] {
        assert!(!article.content.contains(around), "{around}: {}", article.content);
    }
}

#[test]
fn markdown_keeps_headings_lists_and_whole_links() {
    let content = read(ARTICLE, PageFormat::Markdown).content;
    let link = "[seven times a minute](https://courier.example/glossary/mills)";
    for kept in ["## What comes next", "- wholemeal flour, one kilogram", link] {
        assert!(content.contains(kept), "{kept}: {content}");
    }
}

#[test]
fn html_is_the_article_alone_and_without_scripts() {
    let content = read(ARTICLE, PageFormat::Html).content;
    assert!(content.contains("<li>bran, for those who keep hens</li>"), "{content}");
    assert!(!content.contains("<script") && !content.contains("<nav"), "{content}");
}

#[test]
fn a_page_without_an_article_is_read_but_for_what_is_around() {
    for format in [PageFormat::Text, PageFormat::Markdown, PageFormat::Html] {
        let page = read(START, format);
        assert_eq!(page.title, "Ashford Library");
        assert!(page.content.contains("Open on Tuesdays."), "{}", page.content);
        for around in ["Catalogue", "changed", "Built by Hand"] {
            assert!(!page.content.contains(around), "{around}: {}", page.content);
        }
    }
    assert_eq!(read("", PageFormat::Text).content.trim(), "");
}

#[test]
fn text_is_read_in_the_encoding_it_is_in() {
    let page = read(&decode(LATIN, None), PageFormat::Text);
    assert_eq!(page.title, "Die Mühle dreht sich wieder");
    assert!(page.content.contains("Zwölf Freiwillige"), "{}", page.content);
    let word = "мельница";
    let (bytes, ..) = encoding_rs::KOI8_R.encode(word);
    assert_eq!(decode(&bytes, Some("koi8-r")), word);
    // What a server says goes before what the page says, and the mark at the beginning before both.
    assert_eq!(
        decode("<meta charset=koi8-r>ü".as_bytes(), Some("utf-8")),
        "<meta charset=koi8-r>ü"
    );
    assert_eq!(decode("\u{feff}ü".as_bytes(), Some("koi8-r")), "ü");
    assert_eq!(
        decode(b"<META CHARSET = 'windows-1251' >\xcc", None),
        "<META CHARSET = 'windows-1251' >М"
    );
    // Nobody says anything.
    assert_eq!(decode("ü".as_bytes(), None), "ü");
    assert_eq!(decode(b"\xfc", Some("no-such-encoding")), "ü");
}

#[test]
fn media_types_say_what_is_read() {
    assert_eq!(
        media_type("Text/HTML; Charset=\"koi8-r\""),
        (Some(Kind::Html), Some("koi8-r".into()))
    );
    assert_eq!(media_type("text/plain"), (Some(Kind::Text), None));
    assert_eq!(media_type("application/ld+json"), (Some(Kind::Text), None));
    for other in ["image/png", "image/svg+xml", "application/pdf", "application/octet-stream"] {
        assert_eq!(media_type(other), (None, None), "{other}");
    }
}

#[test]
fn pages_that_would_cost_too_much_are_refused_and_deep_ones_are_no_overflow() {
    let url = Url::parse("https://courier.example/").expect("an address");
    for tag in ["<div>", "<b>", "<ul><li>", "<table><tr><td>", "<blockquote>", "<span>"] {
        for times in [1_000, 10_000, 200_000] {
            let html = tag.repeat(times) + "deep";
            let refused = Article::of(&html, &url, PageFormat::Markdown).err();
            let code_of = refused.as_ref().map(|error| error.code());
            assert_eq!(code_of, Some(code::TOO_LARGE), "{times} times {tag}");
        }
        // As deep as may be, on a thread as small as the plugin's own.
        let html = tag.repeat(500 / tag.matches('<').count()) + "deep";
        let url = url.clone();
        let taken_apart = std::thread::Builder::new().stack_size(2 << 20).spawn(move || {
            for format in [PageFormat::Text, PageFormat::Markdown, PageFormat::Html] {
                let _ = Article::of(&html, &url, format);
            }
        });
        taken_apart.expect("a thread").join().expect("it ends well");
    }
}

/// What is not closed is made again in every paragraph that follows.
#[test]
fn pages_that_would_grow_are_refused_before_they_have() {
    let url = Url::parse("https://courier.example/").expect("an address");
    let open = |times: usize| (0..times).map(|n| format!("<b a={n}>")).collect::<String>();
    let many = |times: usize| (0..times).map(|n| format!("a{n} ")).collect::<String>();
    let paragraphs = |times: usize| "<p>x".repeat(times);
    for (what, html) in [
        ("elements", format!("<p>{}{}", open(400), paragraphs(2_000))),
        ("more of them", format!("<p>{}{}", open(25_000), paragraphs(25_000))),
        ("attributes", format!("<p><b {}>{}", many(1_000), paragraphs(2_000))),
        ("a long attribute", format!("<p><b a={}>{}", "y".repeat(100_000), paragraphs(2_000))),
        ("comments", "<!>x".repeat(200_000)),
        // The parser compares each with all before it.
        ("attributes of one element", format!("<p {}>", many(1_000_000))),
    ] {
        let refused = Article::of(&html, &url, PageFormat::Html).err();
        assert_eq!(refused.as_ref().map(|error| error.code()), Some(code::TOO_LARGE), "{what}");
    }
}

#[test]
fn addresses_of_a_page_do_not_grow_either() {
    let base = format!("<base href='https://courier.example/{}/'>", "y".repeat(100_000));
    let link = "<p>The mill turns seven times a minute, <a href=wheel>as it did</a>.</p>";
    let images = format!("<img src=a srcset='{}'>", "a, ".repeat(1_000));
    for url in ["https://courier.example/", &base[12..100_000]] {
        let url = Url::parse(url).expect("an address");
        let html = format!("{base}<article>{}{images}</article>", link.repeat(100));
        let article = Article::of(&html, &url, PageFormat::Html).expect("an article");
        assert!(article.content.len() < 20_000, "{}", article.content.len());
    }
}

#[test]
fn content_is_cut_between_two_characters_and_has_no_control_characters() {
    assert_eq!(cut("  größe \n", 100), ("größe".into(), false));
    assert_eq!(cut("größe", 4), ("grö".into(), true));
    assert_eq!(cut("größe", 3), ("gr".into(), true));
    assert_eq!(cut("a\0b\u{1b}[31mc\r\nd\te", 100), ("ab[31mc\nd\te".into(), false));
}

#[test]
fn what_is_no_address_of_the_web_is_refused() {
    let refusal = |text: &str| address(text).err().map(|error| error.code().to_owned());
    assert_eq!(refusal("https://courier.example/a"), None);
    assert_eq!(refusal("courier.example").as_deref(), Some(code::URL_INVALID));
    assert_eq!(refusal("file:///etc/hostname").as_deref(), Some(code::URL_FORBIDDEN));
    assert_eq!(refusal("https://me:word@courier.example").as_deref(), Some(code::URL_FORBIDDEN));
}
