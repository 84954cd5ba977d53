//! Sound at another rate: a low-pass and a look at the new places, both in one sum (a windowed sinc).
//!
//! Speech for a telephone goes from 22,050 samples a second to 8,000. What lies above half of that would come
//! back as a wrong tone, so it has to go first. A crate for it would bring a Fourier transform; this is what
//! one fixed ratio at a time needs.

use std::f64::consts::PI;

/// How much of the lower rate's band passes; what is above half of the rate is gone.
const PASSES: f64 = 0.9;

/// How many zeros of the sinc are kept on each side: the more, the steeper.
const ZEROS: f64 = 28.0;

/// The same sound at another rate.
pub(crate) fn resample(samples: &[i16], from: u32, to: u32) -> Vec<i16> {
    if from == to || from == 0 {
        return samples.to_vec();
    }
    let common = greatest_common_divisor(from, to);
    let (step, phases) = (u64::from(from / common), u64::from(to / common));
    let filters: Vec<Vec<f64>> = (0..phases).map(|phase| filter(phase, phases, from, to)).collect();
    let count = samples.len() as u64 * phases / step;
    let output = (0..count).map(|number| {
        // The new sample lies at `at + phase / phases` among the old ones.
        let (at, phase) = (number * step / phases, number * step % phases);
        let filter = &filters[phase as usize];
        let first = at as i64 - (filter.len() as i64 / 2 - 1);
        let taps = filter.iter().zip(first..);
        let sum: f64 = taps.map(|(weight, place)| weight * sample(samples, place)).sum();
        sum.round().clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
    });
    output.collect()
}

fn sample(samples: &[i16], place: i64) -> f64 {
    let there = usize::try_from(place).ok().and_then(|place| samples.get(place));
    there.map_or(0.0, |sample| f64::from(*sample))
}

/// The weights of the old samples around a place between two of them, which add up to one.
fn filter(phase: u64, phases: u64, from: u32, to: u32) -> Vec<f64> {
    let cutoff = PASSES * f64::from(from.min(to)) / f64::from(from);
    let reach = ZEROS / cutoff;
    let half = reach.ceil() as i64;
    let offset = phase as f64 / phases as f64;
    let weight = |place: i64| {
        let distance = place as f64 - offset;
        let x = PI * cutoff * distance;
        let sinc = if x == 0.0 { 1.0 } else { x.sin() / x };
        let turn = PI * distance / reach;
        // Blackman's window.
        let window = 0.42 + 0.5 * turn.cos() + 0.08 * (2.0 * turn).cos();
        if distance.abs() < reach { sinc * window } else { 0.0 }
    };
    let weights: Vec<f64> = (1 - half..=half).map(weight).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

fn greatest_common_divisor(one: u32, other: u32) -> u32 {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(frequency: f64, rate: u32) -> Vec<i16> {
        let wave = |at: u32| (2.0 * PI * frequency * f64::from(at) / f64::from(rate)).sin();
        (0..rate).map(|at| (20_000.0 * wave(at)) as i16).collect()
    }

    /// How loud the middle of a sound is, where 1 is how loud the tones above are.
    fn loudness(samples: &[i16]) -> f64 {
        let middle = &samples[samples.len() / 4..samples.len() * 3 / 4];
        let squares: f64 = middle.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (squares / middle.len() as f64).sqrt() / (20_000.0 / 2_f64.sqrt())
    }

    #[test]
    fn what_a_telephone_carries_stays_and_what_it_cannot_goes() {
        for frequency in [100.0, 300.0, 1000.0, 2500.0, 3300.0] {
            let lower = resample(&tone(frequency, 22_050), 22_050, 8000);
            assert_eq!(lower.len(), 8000);
            assert!((loudness(&lower) - 1.0).abs() < 0.02, "{frequency}: {}", loudness(&lower));
        }
        // Of these, nothing may come back at 8000 less their frequency.
        for frequency in [4100.0, 4500.0, 6000.0, 7900.0, 10_000.0] {
            let lower = resample(&tone(frequency, 22_050), 22_050, 8000);
            assert!(loudness(&lower) < 0.001, "{frequency}: {}", loudness(&lower));
        }
    }

    #[test]
    fn a_tone_is_the_tone_that_the_rate_would_have() {
        let (lower, wanted) = (resample(&tone(440.0, 16_000), 16_000, 8000), tone(440.0, 8000));
        let apart = |at: usize| (i32::from(lower[at]) - i32::from(wanted[at])).abs();
        assert!((100..7900).all(|at| apart(at) < 20));
    }

    #[test]
    fn nothing_stays_nothing_and_the_same_rate_is_the_same_sound() {
        assert_eq!(resample(&[], 22_050, 8000), Vec::<i16>::new());
        assert_eq!(resample(&[1, 2, 3], 8000, 8000), [1, 2, 3]);
        assert!(resample(&[i16::MAX; 4000], 22_050, 8000).iter().all(|sample| *sample > -4000));
    }
}
