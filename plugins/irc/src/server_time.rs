//! The `time` tag: when the server saw a message.

/// Milliseconds since 1970 of a `YYYY-MM-DDThh:mm:ss.sssZ`; `None` for anything else.
pub fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    // 60 is a leap second.
    let valid = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !valid || fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let milliseconds = fraction.bytes().chain([b'0'; 3]).take(3);
    let milliseconds = milliseconds.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let days = days_since_1970(year, month, day)?;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * 1_000 + milliseconds)
}

/// Three numbers of fixed width.
fn numbers(text: &str, separator: char, widths: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, width) in numbers.iter_mut().zip(widths) {
        let digits = parts.next()?;
        if digits.len() != width || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = digits.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Days of the Gregorian calendar; `None` before 1970. Years are counted from March, so that the
/// leap day is a year's last.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) =
        if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1;
    // The days from 1 March of the year 0 to 1 January 1970.
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_milliseconds() {
        for (text, milliseconds) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("2000-02-29T12:00:00Z", 951_825_600_000),
            ("2011-10-19T16:40:51.620Z", 1_319_042_451_620),
            ("2023-12-31T23:59:59.9Z", 1_704_067_199_900),
            ("2024-03-01T00:00:00.0001Z", 1_709_251_200_000),
        ] {
            assert_eq!(parse(text), Some(milliseconds), "{text}");
        }
    }

    #[test]
    fn anything_else_is_nothing() {
        for text in [
            "",
            "Z",
            "T",
            "now",
            "2011-10-19",
            "2011-10-19T16:40:51.620",
            "2011-13-19T16:40:51Z",
            "2011-10-19T16:40Z",
            "2011-10-19T16:40:51.Z",
            "2011-10-19T16:40:51.x1Z",
            "1969-12-31T23:59:59Z",
            "0000-01-01T00:00:00Z",
            "2011-10-19T+6:40:51Z",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
