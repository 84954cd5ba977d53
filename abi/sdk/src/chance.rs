//! Numbers that look random, for a plugin that is to wait a little longer or shorter than others do.

/// Makes a random-looking number out of one that is not, such as a clock's nanoseconds.
///
/// The finaliser of SplitMix64: two rounds of shift, xor and multiplication by an odd constant spread
/// every bit of the input over all bits of the output. Good enough to keep those who failed together
/// from coming back in step; not for secrets.
///
/// ```
/// use loader_sdk::chance::scramble;
///
/// assert_ne!(scramble(1) % 1000, scramble(2) % 1000);
/// ```
#[must_use]
pub fn scramble(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_seeds_are_far_apart() {
        let ones: u32 =
            (0..64).map(|seed| (scramble(seed) ^ scramble(seed + 1)).count_ones()).sum();
        assert!((24..=40).contains(&(ones / 64)), "half of the bits change: {}", ones / 64);
        let upper = (0..1000).filter(|seed| scramble(*seed) > u64::MAX / 2).count();
        assert!((400..600).contains(&upper), "{upper} of 1000 in the upper half");
    }
}
