//! How an error or a warning looks on standard error.

use clap::builder::styling::{AnsiColor, Style as Ansi};
use loader_core::diagnostic::Severity;

use super::text::harmless;
use crate::finding::Finding;

/// The colours, or none. No meaning is carried by colour alone.
#[derive(Clone)]
pub(super) struct Style {
    colour: bool,
}

impl Style {
    pub(super) fn new(colour: bool) -> Self {
        Self { colour }
    }

    pub(super) fn is_colourful(&self) -> bool {
        self.colour
    }

    /// ```text
    /// error[LDR-CFG-TYPE]: `gateway.listen` is a number, but a string is wanted
    ///   --> /home/user/loader.toml:2:10
    ///   hint: write it in quotes
    /// ```
    pub(super) fn render(&self, finding: &Finding) -> String {
        let (word, colour) = match finding.severity {
            Severity::Error => ("error", AnsiColor::Red),
            Severity::Warning => ("warning", AnsiColor::Yellow),
        };
        let label = self.paint(colour, &format!("{word}[{}]", harmless(&finding.code)));
        let about = match &finding.plugin {
            Some(plugin) => format!("{}: ", harmless(plugin)),
            None => String::new(),
        };
        let mut text = format!("{label}: {about}{}\n", harmless(&finding.message));
        if let Some(place) = &finding.place {
            let arrow = self.paint(AnsiColor::Blue, "-->");
            text.push_str(&format!("  {arrow} {}\n", harmless(&place.to_string())));
        }
        for looked in &finding.looked_in {
            let path = looked.path.display();
            let line = format!("{path} ({}) {}", looked.origin, looked.outcome);
            text.push_str(&format!("  looked in {}\n", harmless(&line)));
        }
        if let Some(hint) = &finding.hint {
            let label = self.paint(AnsiColor::Cyan, "hint:");
            text.push_str(&format!("  {label} {}\n", harmless(hint)));
        }
        text
    }

    fn paint(&self, colour: AnsiColor, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let style = Ansi::new().bold().fg_color(Some(colour.into()));
        format!("{style}{text}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_finding_says_what_where_and_how_to_mend_it() {
        let finding = Finding::error("LDR-X", "it is wrong").at(Path::new("/a/b")).hint("mend it");
        assert_eq!(
            Style::new(false).render(&finding),
            "error[LDR-X]: it is wrong\n  --> /a/b\n  hint: mend it\n"
        );
        assert_eq!(
            Style::new(false).render(&Finding::warning("LDR-Y", "it is odd")),
            "warning[LDR-Y]: it is odd\n"
        );
    }

    #[test]
    fn colours_add_nothing_but_colours() {
        let finding = Finding::warning("LDR-X", "it is odd").at(Path::new("/a")).hint("look");
        let colourful = Style::new(true).render(&finding);
        assert!(colourful.starts_with("\u{1b}["), "{colourful:?}");
        let mut plain = String::new();
        let mut rest = colourful.as_str();
        while let Some((before, after)) = rest.split_once('\u{1b}') {
            plain.push_str(before);
            rest = after.split_once('m').expect("every escape sets a style").1;
        }
        plain.push_str(rest);
        assert_eq!(plain, Style::new(false).render(&finding));
    }

    #[test]
    fn text_from_a_file_cannot_command_the_terminal() {
        let finding = Finding::error("LDR-X", "named \u{1b}]0;owned\u{7}\nerror: forged");
        let rendered = Style::new(false).render(&finding);
        assert_eq!(rendered, "error[LDR-X]: named \\u{1b}]0;owned\\u{7}\n    error: forged\n");
    }
}
