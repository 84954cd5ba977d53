//! What there is to read on a page.

use crate::tree;
use dom_smoothie::{Config, Readability, TextMode};
use loader_sdk::{Result, contract::web_fetch::PageFormat};
use url::Url;

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
        let mut page = read(html, url, format)?;
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

fn read(html: &str, url: &Url, format: PageFormat) -> Result<Readability> {
    let text_mode = match format {
        PageFormat::Markdown => TextMode::Markdown,
        _ => TextMode::Formatted,
    };
    let config = Config { text_mode, ..Config::default() };
    let base = Some(url.as_str()).filter(|url| url.len() <= tree::MOST_OF_A_BASE);
    Ok(Readability::with_document(tree::read(html)?, base, Some(config))?)
}
