//! Spans of time as people write them: `10m`, `1h30m`, `2d`.

use std::time::Duration;

/// The units, the longest first.
const UNITS: [(char, u64); 4] = [('d', 24 * 3600), ('h', 3600), ('m', 60), ('s', 1)];

/// The furthest that anything can be put off: a year.
pub(crate) const FURTHEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Reads a span: numbers with units, each unit once and the longer ones first. Not zero, and at most a
/// year.
pub(crate) fn read(text: &str) -> Option<Duration> {
    let mut units = UNITS.iter();
    let (mut seconds, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let digits = rest.find(|each: char| !each.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let mut letters = after.chars();
        let unit = letters.next()?;
        let (_, worth) = units.by_ref().find(|(name, _)| *name == unit)?;
        let part = number.parse::<u64>().ok()?.checked_mul(*worth)?;
        seconds = seconds.checked_add(part)?;
        rest = letters.as_str();
    }
    let span = Duration::from_secs(seconds);
    (!span.is_zero() && span <= FURTHEST).then_some(span)
}

/// Writes a span the same way, rounded up to seconds; its two longest units.
pub(crate) fn write(milliseconds: u64) -> String {
    let mut left = milliseconds.div_ceil(1000);
    let mut parts = Vec::new();
    for (name, worth) in UNITS {
        let number = left / worth;
        left %= worth;
        if number > 0 {
            parts.push(format!("{number}{name}"));
        }
    }
    parts.truncate(2);
    if parts.is_empty() { "0s".to_owned() } else { parts.concat() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_as_people_write_them() {
        let seconds = |text: &str| read(text).map(|span| span.as_secs());
        assert_eq!(seconds("10m"), Some(600));
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!(seconds("2d"), Some(172_800));
        assert_eq!(seconds("1d2h3m4s"), Some(93_784));
        assert_eq!(seconds("365d"), Some(FURTHEST.as_secs()));
    }

    #[test]
    fn what_is_no_span_is_refused() {
        for text in [
            "",
            "10",
            "m",
            "-5m",
            "5 m",
            "1.5h",
            "0s",
            "30m1h",
            "1m1m",
            "366d",
            "10w",
            "tea",
            "1ä",
            "99999999999999999999s",
            "18446744073709551615d",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn spans_are_written_back() {
        assert_eq!(write(0), "0s");
        assert_eq!(write(1), "1s");
        assert_eq!(write(600_000), "10m");
        assert_eq!(write(5_400_000), "1h30m");
        assert_eq!(write(93_784_000), "1d2h");
    }
}
