//! Numbers: exact fractions as long as they fit, approximations beyond.

use std::cmp::Ordering;

/// A number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value {
    /// A fraction in lowest terms, whose denominator is positive.
    Exact {
        /// Above the line.
        numerator: i128,
        /// Below it.
        denominator: i128,
    },
    /// The nearest that a floating-point number comes.
    Approximate(f64),
}

use Value::{Approximate, Exact};

/// The most digits that a value is written out with before it is written with an exponent.
const PLAIN_BELOW: f64 = 1e21;

impl Value {
    /// A whole number.
    pub(crate) fn whole(number: i128) -> Self {
        Exact { numerator: number, denominator: 1 }
    }

    /// A fraction; `None` when it does not fit, or there is none.
    fn fraction(numerator: i128, denominator: i128) -> Option<Self> {
        let shared = i128::try_from(common(numerator.unsigned_abs(), denominator.unsigned_abs()));
        let shared = shared.ok().filter(|shared| *shared > 0)?;
        let sign = denominator.signum();
        let numerator = (numerator / shared).checked_mul(sign)?;
        let denominator = (denominator / shared).checked_mul(sign)?;
        (denominator > 0).then_some(Exact { numerator, denominator })
    }

    /// Reads a number as it is written: digits, a point, an exponent.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let approximate = text.parse::<f64>().ok()?;
        Some(Self::read_exactly(text).unwrap_or(Approximate(approximate)))
    }

    fn read_exactly(text: &str) -> Option<Self> {
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{part}").parse::<i128>().ok()?;
        let places = exponent.checked_sub(i32::try_from(part.len()).ok()?)?;
        let scale = 10_i128.checked_pow(places.unsigned_abs())?;
        match places >= 0 {
            true => Some(Self::whole(all.checked_mul(scale)?)),
            false => Self::fraction(all, scale),
        }
    }

    /// The nearest floating-point number.
    pub(crate) fn to_f64(self) -> f64 {
        match self {
            Exact { numerator, denominator } => numerator as f64 / denominator as f64,
            Approximate(value) => value,
        }
    }

    /// The whole number it is, if it is exactly one.
    pub(crate) fn to_whole(self) -> Option<i128> {
        match self {
            Exact { numerator, denominator: 1 } => Some(numerator),
            _ => None,
        }
    }

    pub(crate) fn is_zero(self) -> bool {
        self.to_f64() == 0.0
    }

    /// An exact result, or else the nearest.
    fn or_nearest(exact: Option<Self>, nearest: f64) -> Self {
        exact.unwrap_or(Approximate(nearest))
    }

    pub(crate) fn negated(self) -> Self {
        let exact = match self {
            Exact { numerator, denominator } => {
                numerator.checked_neg().map(|numerator| Exact { numerator, denominator })
            }
            Approximate(_) => None,
        };
        Self::or_nearest(exact, -self.to_f64())
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        let exact = both(self, other).and_then(|[(a, b), (c, d)]| {
            let sum = a.checked_mul(d)?.checked_add(c.checked_mul(b)?)?;
            Self::fraction(sum, b.checked_mul(d)?)
        });
        Self::or_nearest(exact, self.to_f64() + other.to_f64())
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(other.negated())
    }

    pub(crate) fn times(self, other: Self) -> Self {
        let exact = both(self, other)
            .and_then(|[(a, b), (c, d)]| Self::fraction(a.checked_mul(c)?, b.checked_mul(d)?));
        Self::or_nearest(exact, self.to_f64() * other.to_f64())
    }

    /// The quotient. Dividing by zero is the caller's to refuse.
    pub(crate) fn over(self, other: Self) -> Self {
        let exact = both(self, other)
            .and_then(|[(a, b), (c, d)]| Self::fraction(a.checked_mul(d)?, b.checked_mul(c)?));
        Self::or_nearest(exact, self.to_f64() / other.to_f64())
    }

    /// What is left after dividing; it has the sign of the divisor.
    pub(crate) fn remainder(self, other: Self) -> Self {
        self.minus(self.over(other).rounded_down().times(other))
    }

    /// The power, by squaring where the exponent is a whole number.
    pub(crate) fn power(self, exponent: Self) -> Self {
        let exact = exponent.to_whole().and_then(|exponent| {
            let times = u32::try_from(exponent.unsigned_abs()).ok()?;
            let Exact { numerator, denominator } = self else { return None };
            let (up, down) = (numerator.checked_pow(times)?, denominator.checked_pow(times)?);
            match exponent >= 0 {
                true => Self::fraction(up, down),
                false => Self::fraction(down, up),
            }
        });
        Self::or_nearest(exact, self.to_f64().powf(exponent.to_f64()))
    }

    /// The square root; exact where it is a fraction.
    pub(crate) fn root(self) -> Self {
        let exact = match self {
            Exact { numerator, denominator } => square_root(numerator)
                .zip(square_root(denominator))
                .and_then(|(up, down)| Self::fraction(up, down)),
            Approximate(_) => None,
        };
        Self::or_nearest(exact, self.to_f64().sqrt())
    }

    pub(crate) fn rounded_down(self) -> Self {
        match self {
            Exact { numerator, denominator } => Self::whole(numerator.div_euclid(denominator)),
            Approximate(value) => Approximate(value.floor()),
        }
    }

    pub(crate) fn rounded_up(self) -> Self {
        self.negated().rounded_down().negated()
    }

    /// Rounds to the nearest whole number; what lies in the middle goes away from zero.
    pub(crate) fn rounded(self) -> Self {
        let half = Exact { numerator: 1, denominator: 2 };
        match self.compare(Self::whole(0)) {
            Ordering::Less => self.minus(half).rounded_up(),
            _ => self.plus(half).rounded_down(),
        }
    }

    pub(crate) fn compare(self, other: Self) -> Ordering {
        let exact = both(self, other)
            .and_then(|[(a, b), (c, d)]| Some(a.checked_mul(d)?.cmp(&c.checked_mul(b)?)));
        exact.unwrap_or_else(|| self.to_f64().total_cmp(&other.to_f64()))
    }

    /// The number in decimal digits: all of them where there is an end to them, else so many after the
    /// point.
    pub(crate) fn written(self, digits: usize) -> String {
        match self {
            Exact { numerator, denominator } => match decimal(numerator, denominator) {
                Some(text) => text,
                None => approximately(self.to_f64(), digits),
            },
            Approximate(value) => approximately(value, digits),
        }
    }
}

/// Both as fractions.
fn both(one: Value, other: Value) -> Option<[(i128, i128); 2]> {
    match (one, other) {
        (Exact { numerator: a, denominator: b }, Exact { numerator: c, denominator: d }) => {
            Some([(a, b), (c, d)])
        }
        _ => None,
    }
}

/// The greatest common divisor.
fn common(mut one: u128, mut other: u128) -> u128 {
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}

fn square_root(number: i128) -> Option<i128> {
    let root = u128::try_from(number).ok()?.isqrt();
    let root = i128::try_from(root).ok()?;
    (root.checked_mul(root) == Some(number)).then_some(root)
}

/// A fraction in decimal digits, if they have an end that is near.
fn decimal(numerator: i128, denominator: i128) -> Option<String> {
    let (mut rest, mut twos, mut fives) = (denominator, 0_u32, 0_u32);
    while rest % 2 == 0 {
        (rest, twos) = (rest / 2, twos + 1);
    }
    while rest % 5 == 0 {
        (rest, fives) = (rest / 5, fives + 1);
    }
    let places = twos.max(fives);
    if rest != 1 || places > 30 {
        return None;
    }
    let scaled = numerator.checked_mul(10_i128.checked_pow(places)? / denominator)?;
    let sign = if scaled < 0 { "-" } else { "" };
    let places = places as usize;
    let digits = format!("{:0>width$}", scaled.unsigned_abs(), width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    let point = if part.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{point}{part}"))
}

fn approximately(value: f64, digits: usize) -> String {
    // There is but one zero.
    let value = value + 0.0;
    let size = value.abs();
    let is_plain = size == 0.0 || (1e-6..PLAIN_BELOW).contains(&size);
    let text = match is_plain {
        true => format!("{value:.digits$}"),
        false => format!("{value:.digits$e}"),
    };
    let (number, exponent) = match text.split_once('e') {
        Some((number, exponent)) => (number.to_owned(), format!("e{exponent}")),
        None => (text, String::new()),
    };
    let number = match number.contains('.') {
        true => number.trim_end_matches('0').trim_end_matches('.'),
        false => &number,
    };
    format!("{number}{exponent}")
}
