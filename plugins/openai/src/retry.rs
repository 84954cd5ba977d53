//! Whether and when to try again. Pure: what time it is and what chance says are given.

use std::time::Duration;

/// The longest wait for one more try. A server that asks for more is not asked again.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The wait before the first retry, before jitter; it doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
/// Where doubling stops.
const LONGEST_BACKOFF: Duration = Duration::from_secs(8);

/// What is known when a try has failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Situation {
    /// Whether trying again can help.
    pub(crate) transient: bool,
    /// How long the server asked to wait.
    pub(crate) retry_after: Option<Duration>,
    /// How many retries were made before.
    pub(crate) retries: u32,
    /// How many may be made.
    pub(crate) max_retries: u32,
    /// How long the caller will still wait; `None` when for good.
    pub(crate) remaining: Option<Duration>,
    /// A random number.
    pub(crate) chance: u64,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plan {
    /// Try again after a while.
    Retry {
        /// How long to wait.
        after: Duration,
    },
    /// Tell the caller.
    GiveUp,
}

/// Decides what to do after a try has failed.
pub(crate) fn plan(situation: Situation) -> Plan {
    if !situation.transient || situation.retries >= situation.max_retries {
        return Plan::GiveUp;
    }
    let asked = situation.retry_after.unwrap_or_default();
    let after = asked.max(backoff(situation.retries, situation.chance));
    let in_time = situation.remaining.is_none_or(|remaining| after < remaining);
    // Coming back sooner than asked would only be refused again.
    if asked <= LONGEST_WAIT && in_time { Plan::Retry { after } } else { Plan::GiveUp }
}

/// Exponential backoff with jitter: between one half and the whole of the doubled wait, so that
/// clients that failed together do not come back together.
fn backoff(retries: u32, chance: u64) -> Duration {
    let whole = FIRST_BACKOFF.saturating_mul(2_u32.saturating_pow(retries)).min(LONGEST_BACKOFF);
    let half = whole / 2;
    let span = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX).max(1);
    half + Duration::from_nanos(chance % span)
}

/// What a `Retry-After` header asks for: seconds, or the time until an HTTP date. A date that has
/// passed asks for no wait; anything else asks for nothing.
pub(crate) fn retry_after(header: &str, unix_ms: u64) -> Option<Duration> {
    let header = header.trim();
    if let Ok(seconds) = header.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date_ms = unix_seconds_of(header)?.checked_mul(1000)?;
    Some(Duration::from_millis(date_ms.saturating_sub(unix_ms)))
}

/// Seconds since 1970 of an HTTP date in any of its three forms, from 1970 on.
fn unix_seconds_of(date: &str) -> Option<u64> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    // The forms share their words but not their order: a month's name, a time with colons, and two
    // numbers, of which the day comes first. The name of the day says nothing new.
    let (mut month, mut time, mut day, mut year) = (None, None, None, None);
    for word in date.split([' ', ',', '-']).filter(|word| !word.is_empty()).skip(1) {
        if word.contains(':') {
            time = Some(seconds_of_day(word)?);
        } else if let Ok(number) = word.parse::<u64>() {
            if day.is_none() { day = Some(number) } else { year = Some(number) }
        } else if month.is_none() {
            let word = word.to_ascii_lowercase();
            month = Some(MONTHS.iter().position(|month| *month == word)? as u64 + 1);
        }
    }
    let (month, time, day) = (month?, time?, day.filter(|day| (1..=31).contains(day))?);
    let year = match year? {
        // Two digits, of the oldest form: no server that speaks of retrying means the last century.
        short @ 0..100 => 2000 + short,
        long @ 1970..10_000 => long,
        _ => return None,
    };
    Some(days_since_1970(year, month, day) * 86_400 + time)
}

fn seconds_of_day(time: &str) -> Option<u64> {
    let mut parts = time.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let sound = hours < 24 && minutes < 60 && seconds <= 60 && parts.next().is_none();
    sound.then_some((hours * 60 + minutes) * 60 + seconds)
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, which must not be earlier.
fn days_since_1970(year: u64, month: u64, day: u64) -> u64 {
    // Years begin in March here, so that the leap day is the last day of a year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days_before_month = (153 * month + 2) / 5;
    // 719,468 days lie between 1 March of year 0 and 1970-01-01.
    year * 365 + leap_days + days_before_month + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SITUATION: Situation = Situation {
        transient: true,
        retry_after: None,
        retries: 0,
        max_retries: 2,
        remaining: None,
        chance: 0,
    };

    fn wait(situation: Situation) -> Option<Duration> {
        match plan(situation) {
            Plan::Retry { after } => Some(after),
            Plan::GiveUp => None,
        }
    }

    #[test]
    fn what_cannot_get_better_is_not_tried_again() {
        assert_eq!(plan(Situation { transient: false, ..SITUATION }), Plan::GiveUp);
    }

    #[test]
    fn it_ends_after_the_last_retry() {
        assert!(wait(Situation { retries: 1, ..SITUATION }).is_some());
        assert!(wait(Situation { retries: 2, ..SITUATION }).is_none());
        assert!(wait(Situation { max_retries: 0, ..SITUATION }).is_none());
    }

    #[test]
    fn the_server_is_never_asked_sooner_than_it_said() {
        let asked = Duration::from_secs(7);
        assert_eq!(wait(Situation { retry_after: Some(asked), ..SITUATION }), Some(asked));
    }

    #[test]
    fn no_wait_asked_for_is_still_backed_off_from() {
        let situation = Situation { retry_after: Some(Duration::ZERO), ..SITUATION };
        assert_eq!(wait(situation), Some(Duration::from_millis(250)));
    }

    #[test]
    fn a_server_that_asks_for_more_than_thirty_seconds_is_not_asked_again() {
        let ask = |asked| wait(Situation { retry_after: Some(asked), ..SITUATION });
        assert_eq!(ask(Duration::from_secs(30)), Some(Duration::from_secs(30)));
        assert_eq!(ask(Duration::from_millis(30_001)), None);
    }

    #[test]
    fn a_wait_that_the_caller_will_not_wait_is_not_begun() {
        let asked = Duration::from_secs(2);
        let remaining = |remaining| {
            wait(Situation { retry_after: Some(asked), remaining: Some(remaining), ..SITUATION })
        };
        assert_eq!(remaining(Duration::from_secs(2)), None);
        assert_eq!(remaining(Duration::from_millis(2001)), Some(asked));
    }

    #[test]
    fn retry_after_is_seconds_or_any_form_of_date() {
        // 1994-11-06T08:49:37Z, the standard's own example, one minute before.
        let now = 784_111_777_000 - 60_000;
        let minute = Some(Duration::from_secs(60));
        assert_eq!(retry_after("60", now), minute);
        assert_eq!(retry_after(" 0.5 ", now), Some(Duration::from_millis(500)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), minute);
        assert_eq!(retry_after("Sun Nov  6 08:49:37 1994", now), minute);
        // The form with two digits of a year is read as this century: 2034-11-06T08:49:37Z.
        assert_eq!(
            retry_after("Monday, 06-Nov-34 08:49:37 GMT", 2_046_415_777_000 - 60_000),
            minute
        );
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now + 90_000),
            Some(Duration::ZERO)
        );
        assert_eq!(retry_after("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_740_000), minute);
    }

    #[test]
    fn a_retry_after_that_makes_no_sense_asks_for_nothing() {
        for header in [
            "",
            "soon",
            "-1",
            "NaN",
            "inf",
            "1e300",
            "Sun, 06 Nov 1994",
            "Sun, 06 Nox 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 25:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1869 08:49:37 GMT",
            "Sun, 06 Nov 99999999999999999 08:49:37 GMT",
        ] {
            assert_eq!(retry_after(header, 0), None, "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn backoff_doubles_within_its_bounds(retries in 0_u32..100, chance in any::<u64>()) {
            let situation = Situation { retries, max_retries: u32::MAX, chance, ..SITUATION };
            let after = wait(situation).expect("nothing forbids a retry");
            let whole = Duration::from_millis(500 << retries.min(4));
            prop_assert!(after >= whole / 2 && after < whole, "{after:?} after {retries} retries");
        }

        #[test]
        fn no_wait_is_ever_longer_than_allowed(
            asked in proptest::option::of(0_u64..100_000),
            remaining in 0_u64..100_000,
            retries in 0_u32..5,
            chance in any::<u64>(),
        ) {
            let asked = asked.map(Duration::from_millis);
            let remaining = Duration::from_millis(remaining);
            let situation = Situation {
                retry_after: asked, retries, max_retries: 5, remaining: Some(remaining), chance, ..SITUATION
            };
            if let Some(after) = wait(situation) {
                prop_assert!(after <= LONGEST_WAIT && after < remaining);
                prop_assert!(after >= asked.unwrap_or_default());
            }
        }

        #[test]
        fn any_header_is_read_without_panic(header in ".{0,40}", words in "[A-Za-z]{3}, [0-9]{1,20} [A-Za-z]{3} [0-9]{1,20} [0-9:]{1,20}") {
            retry_after(&header, 0);
            retry_after(&words, 0);
        }
    }
}
