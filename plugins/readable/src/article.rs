//! What there is to read on a page.

use dom_smoothie::{Config, Readability, TextMode};
use loader_sdk::{
    Error, Result, class,
    contract::web_fetch::{PageFormat, code},
};
use url::Url;

/// Pages with more elements are not taken apart: one within another within another costs the square of how
/// many there are, which are some ten seconds then.
const MOST_ELEMENTS: usize = 50_000;

/// Pages whose elements lie deeper in each other are not written out, which is done by recursion. Browsers
/// stop at 512.
const MOST_DEPTH: usize = 512;

/// What is around a page's text, where no article is found in it.
const AROUND: &str =
    "script, style, noscript, template, svg, nav, header, footer, aside, form, iframe";

/// What there is to read.
pub(crate) struct Article {
    pub(crate) title: String,
    pub(crate) content: String,
    pub(crate) format: PageFormat,
}

impl Article {
    /// Finds it in a page: the article if there is one, otherwise all that is not around it.
    pub(crate) fn of(html: &str, url: &Url, format: PageFormat) -> Result<Self> {
        if html.as_bytes().windows(2).filter(|pair| begins_element(pair)).count() > MOST_ELEMENTS {
            let message = format!("the page has more than {MOST_ELEMENTS} elements");
            return Err(too_large(message));
        }
        let mut page = read(html, url, format)?;
        if is_deep(&page) {
            let message = format!("the page has elements {MOST_DEPTH} deep in each other");
            return Err(too_large(message));
        }
        if let Ok(article) = page.parse() {
            let content = match format {
                PageFormat::Html => article.content,
                _ => article.text_content,
            };
            // Of a page without one the finder gives all that there is, menus included.
            if article.length >= page.config.char_threshold {
                return Ok(Self { title: article.title, content: content.to_string(), format });
            }
        }
        // Looking for an article took the page to pieces.
        let page = read(html, url, format)?;
        page.doc.select(AROUND).remove();
        let title = page.get_article_title().to_string();
        let body = page.doc.select("body");
        let content = match format {
            PageFormat::Html => body.inner_html(),
            PageFormat::Text => body.formatted_text(),
            PageFormat::Markdown => page.doc.md(None),
        };
        Ok(Self { title, content: content.to_string(), format })
    }
}

fn begins_element(pair: &[u8]) -> bool {
    matches!(pair, [b'<', letter] if letter.is_ascii_alphabetic())
}

fn read(html: &str, url: &Url, format: PageFormat) -> Result<Readability> {
    let text_mode = match format {
        PageFormat::Markdown => TextMode::Markdown,
        _ => TextMode::Formatted,
    };
    let config = Config { text_mode, ..Config::default() };
    Ok(Readability::new(html, Some(url.as_str()), Some(config))?)
}

/// Whether elements lie too deep in each other. Walks without recursion, which is what it is about.
fn is_deep(page: &Readability) -> bool {
    let (mut node, mut depth) = (page.doc.root(), 0);
    loop {
        if let Some(child) = node.first_child() {
            (node, depth) = (child, depth + 1);
            if depth > MOST_DEPTH {
                return true;
            }
            continue;
        }
        while node.next_sibling().is_none() {
            let Some(parent) = node.parent() else { return false };
            (node, depth) = (parent, depth - 1);
        }
        let Some(next) = node.next_sibling() else { return false };
        node = next;
    }
}

fn too_large(message: String) -> Error {
    Error::new(class::EXHAUSTED, code::TOO_LARGE, message)
}
