//! When a file is at rest: the verdict over looks at it and signs of its writer. Knows no clock and
//! no file.

use std::time::{Duration, Instant};

/// What a look at a path found; nothing when nothing is there.
pub(super) type Look = Option<Seen>;

/// A file as one look saw it. Two equal looks are the same bytes, unless the file system
/// [counts whole seconds](Seen::is_coarse).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) links: u64,
    pub(super) size: u64,
    /// Seconds and nanoseconds since 1970.
    pub(super) modified: (i64, i64),
    pub(super) changed: (i64, i64),
    /// Whether what its first bytes promise fits into its size.
    pub(super) is_whole: bool,
}

/// What an event says about the writer of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The name is new: an empty file, or another name of one that was there.
    Created,
    /// Bytes were written.
    Written,
    /// It was renamed into place, or closed by its writer.
    Finished,
}

/// How long nothing may have changed before a file is at rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// After a sign that its writer is done.
    pub(super) finished: Duration,
    /// Without one.
    pub(super) written: Duration,
}

/// For a file that is not there, or is empty: between removing and writing anew.
pub(super) const GONE: Duration = Duration::from_millis(500);

/// For a file that is not whole: nobody writes it any more, and the gate will say what is wrong.
pub(super) const ABANDONED: Duration = Duration::from_secs(10);

/// Where two writes may bear the same time.
pub(super) const COARSE: Duration = Duration::from_secs(2);

/// A file that changed and is not known to be at rest.
#[derive(Debug)]
pub(super) struct Unrest {
    last: Look,
    /// Since when every look was equal to the last one.
    since: Instant,
    sign: Option<Sign>,
    /// Whether the sign came after the last look.
    is_fresh: bool,
    /// When it was last said that it does not come to rest.
    named: Instant,
}

/// What a look makes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is at rest.
    Settled,
    /// It is to be looked at again, at this moment at the latest.
    Again(Instant),
}

impl Seen {
    /// Whether its times tell no more than seconds.
    pub(super) fn is_coarse(&self) -> bool {
        self.modified.1 == 0 && self.changed.1 == 0
    }
}

impl Unrest {
    /// After the first look that was another one.
    pub(super) fn begin(now: Instant, look: Look) -> Self {
        Self { last: look, since: now, sign: None, is_fresh: false, named: now }
    }

    /// The last look.
    pub(super) fn last(&self) -> Look {
        self.last
    }

    /// Takes note of a sign; one after the other, the last one counts.
    pub(super) fn sign(&mut self, now: Instant, sign: Sign) {
        if sign == Sign::Written {
            self.since = now;
        }
        self.sign = Some(sign);
        self.is_fresh = true;
    }

    /// Judges a further look, or the first one once more.
    pub(super) fn judge(&mut self, now: Instant, look: Look, patience: Patience) -> Verdict {
        if look != self.last {
            self.last = look;
            self.since = now;
            if !self.is_fresh {
                // It was said of what is no more.
                self.sign = None;
            }
        }
        self.is_fresh = false;
        let at_rest = self.since + self.quiet(patience);
        if now >= at_rest {
            return Verdict::Settled;
        }
        // Whoever writes through a mapping gives no sign of it.
        Verdict::Again(at_rest.min(now + patience.written))
    }

    /// Whether it is time to say that it does not come to rest.
    pub(super) fn is_endless(&mut self, now: Instant) -> bool {
        let is_endless = now.duration_since(self.named) >= ABANDONED;
        if is_endless {
            self.named = now;
        }
        is_endless
    }

    fn quiet(&self, patience: Patience) -> Duration {
        let Some(seen) = self.last else { return GONE };
        let is_finished = match self.sign {
            Some(Sign::Finished) => true,
            // Another name of a file that was there, as cargo gives it to what was built.
            Some(Sign::Created) => seen.links > 1,
            Some(Sign::Written) | None => false,
        };
        let quiet = match is_finished {
            _ if !seen.is_whole => ABANDONED,
            _ if seen.size == 0 => GONE,
            true => patience.finished,
            false => patience.written,
        };
        if seen.is_coarse() { quiet.max(COARSE) } else { quiet }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATIENCE: Patience =
        Patience { finished: Duration::from_millis(20), written: Duration::from_millis(100) };

    fn seen(size: u64) -> Seen {
        Seen {
            device: 1,
            inode: 1,
            links: 1,
            size,
            modified: (1, 1),
            changed: (1, 1),
            is_whole: true,
        }
    }

    /// How long one look must stay the same, with this sign.
    fn rest(look: Look, sign: Option<Sign>) -> Duration {
        let start = Instant::now();
        let mut unrest = Unrest::begin(start, look);
        if let Some(sign) = sign {
            unrest.sign(start, sign);
        }
        let mut now = start;
        loop {
            match unrest.judge(now, look, PATIENCE) {
                Verdict::Settled => return now - start,
                Verdict::Again(at) => now = at,
            }
        }
    }

    #[test]
    fn the_writer_and_the_file_decide_how_long_it_takes() {
        let file = Some(seen(9));
        let linked = Some(Seen { links: 2, ..seen(9) });
        let partial = Some(Seen { is_whole: false, ..seen(9) });
        let coarse = Some(Seen { modified: (1, 0), changed: (1, 0), ..seen(9) });
        for (look, sign, expected) in [
            (file, Some(Sign::Finished), PATIENCE.finished),
            (file, Some(Sign::Written), PATIENCE.written),
            (file, Some(Sign::Created), PATIENCE.written),
            (file, None, PATIENCE.written),
            (linked, Some(Sign::Created), PATIENCE.finished),
            (linked, Some(Sign::Written), PATIENCE.written),
            (None, Some(Sign::Finished), GONE),
            (Some(seen(0)), Some(Sign::Finished), GONE),
            (partial, Some(Sign::Finished), ABANDONED),
            (coarse, Some(Sign::Finished), COARSE),
        ] {
            assert_eq!(rest(look, sign), expected, "{look:?} {sign:?}");
        }
    }

    #[test]
    fn a_sign_counts_for_what_it_was_said_of() {
        let start = Instant::now();
        let mut unrest = Unrest::begin(start, Some(seen(1)));
        unrest.sign(start, Sign::Finished);
        unrest.judge(start, Some(seen(1)), PATIENCE);
        // Somebody writes on, through a mapping that gives no sign.
        let end = start + PATIENCE.finished;
        let verdict = unrest.judge(end, Some(seen(2)), PATIENCE);
        assert_eq!(verdict, Verdict::Again(end + PATIENCE.written));
    }

    #[test]
    fn what_never_rests_is_named_now_and_then() {
        let start = Instant::now();
        let mut unrest = Unrest::begin(start, None);
        let after = |seconds| start + Duration::from_secs(seconds);
        let named = (1..=25).filter(|second| unrest.is_endless(after(*second)));
        assert_eq!(named.collect::<Vec<_>>(), [10, 20]);
    }

    fn any_look() -> impl Strategy<Value = Look> {
        let file = (0..3u64, 1..3u64, any::<bool>(), 0..2i64);
        let file = file.prop_map(|(size, links, is_whole, nanos)| Seen {
            links,
            is_whole,
            modified: (1, nanos),
            changed: (1, nanos),
            ..seen(size)
        });
        prop_oneof![1 => Just(None), 4 => file.prop_map(Some)]
    }

    fn any_sign() -> impl Strategy<Value = Option<Sign>> {
        let signs = [None, Some(Sign::Created), Some(Sign::Written), Some(Sign::Finished)];
        prop::sample::select(signs.to_vec())
    }

    proptest! {
        /// Whatever comes in: a file is at rest only when every look and every sign of writing for
        /// long enough speak for it; and once nothing changes any more, it does come to rest.
        #[test]
        fn only_what_was_quiet_long_enough_is_at_rest(
            steps in prop::collection::vec((0..200u64, any_look(), any_sign()), 1..40),
        ) {
            let start = Instant::now();
            let mut unrest = Unrest::begin(start, steps[0].1);
            let (mut now, mut last, mut quiet_since) = (start, steps[0].1, start);
            for (pause, look, sign) in steps {
                now += Duration::from_millis(pause);
                if let Some(sign) = sign {
                    unrest.sign(now, sign);
                }
                if look != last || sign == Some(Sign::Written) {
                    quiet_since = now;
                }
                last = look;
                let quiet = now - quiet_since;
                match unrest.judge(now, look, PATIENCE) {
                    Verdict::Settled => {
                        prop_assert!(quiet >= PATIENCE.finished);
                        let is_whole = look.is_none_or(|seen| seen.is_whole);
                        prop_assert!(is_whole || quiet >= ABANDONED);
                        prop_assert!(look.is_some_and(|seen| seen.size > 0) || quiet >= GONE);
                    }
                    Verdict::Again(at) => prop_assert!(at > now && at <= now + PATIENCE.written),
                }
            }
            let end = now + ABANDONED;
            while let Verdict::Again(at) = unrest.judge(now, last, PATIENCE) {
                prop_assert!(at <= end);
                now = at;
            }
        }
    }
}
