//! A report as JUnit XML, which build services read.

use crate::suite::{Case, Counts, Outcome, Report};
use std::fmt::Write as _;

/// The report: a test suite for each capability, a test case for each promise.
pub fn write(report: &Report) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let all = report.counts();
    let total = all.passed + all.failed + all.skipped;
    let _ = writeln!(
        text,
        "<testsuites name=\"loader plugins test\" tests=\"{total}\" failures=\"{}\" skipped=\"{}\" time=\"{}\">",
        all.failed,
        all.skipped,
        seconds(&report.cases),
    );
    for group in report.cases.chunk_by(|one, other| one.under.group() == other.under.group()) {
        suite(&mut text, group);
    }
    text.push_str("</testsuites>\n");
    text
}

fn suite(text: &mut String, cases: &[Case]) {
    let Some(first) = cases.first() else { return };
    let Counts { failed, skipped, .. } = Counts::of(cases);
    let name = escaped(&first.under.group());
    let _ = writeln!(
        text,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" skipped=\"{skipped}\" time=\"{}\">",
        cases.len(),
        seconds(cases),
    );
    for case in cases {
        let opening = format!(
            "    <testcase classname=\"{name}\" name=\"{}\" time=\"{}\"",
            escaped(&case.under.name),
            seconds(std::slice::from_ref(case)),
        );
        let message = escaped(&case.message);
        let _ = match case.outcome {
            Outcome::Passed => writeln!(text, "{opening}/>"),
            Outcome::Skipped => {
                writeln!(text, "{opening}><skipped message=\"{message}\"/></testcase>")
            }
            Outcome::Failed => writeln!(
                text,
                "{opening}><failure message=\"{message}\">{}</failure></testcase>",
                escaped(&case.hint)
            ),
        };
    }
    text.push_str("  </testsuite>\n");
}

/// How long cases took, in seconds.
fn seconds(cases: &[Case]) -> String {
    let microseconds: u64 = cases.iter().map(|case| case.took_us).sum();
    format!("{}.{:06}", microseconds / 1_000_000, microseconds % 1_000_000)
}

/// Text as XML can hold it, in an attribute or an element.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for each in text.chars() {
        match each {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push_str("&#10;"),
            '\t' => escaped.push(each),
            // XML has no way to write these.
            _ if each.is_control() || matches!(each, '\u{fffe}' | '\u{ffff}') => {
                escaped.push('\u{fffd}');
            }
            _ => escaped.push(each),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Under;

    #[test]
    fn a_report_is_xml_whatever_messages_say() {
        let under = Under {
            plugin: "dice".into(),
            contract: "tool/1".into(),
            capability: "roll".into(),
            name: "answers-a-call".into(),
        };
        let case = |outcome, message: &str| Case {
            under: under.clone(),
            outcome,
            message: message.into(),
            hint: "answer <it>".into(),
            took_us: 1_500_000,
        };
        let cases = vec![
            case(Outcome::Passed, ""),
            case(Outcome::Failed, "it \"panics\" & <dies>\u{1b}[0m"),
            case(Outcome::Skipped, "no network"),
        ];
        let text = write(&Report { path: "/x".into(), cases });
        assert!(text.contains("<testsuites name=\"loader plugins test\" tests=\"3\" failures=\"1\" skipped=\"1\" time=\"4.500000\">"), "{text}");
        assert!(text.contains("<failure message=\"it &quot;panics&quot; &amp; &lt;dies&gt;\u{fffd}[0m\">answer &lt;it&gt;</failure>"), "{text}");
        assert!(text.contains("<skipped message=\"no network\"/>"), "{text}");
    }
}
