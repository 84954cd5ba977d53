//! Expressions: read and worked out in one go, by precedence.

use crate::value::Value;
use std::{cmp::Ordering, f64::consts, fmt};

/// The longest expression, in bytes.
const MAX_LENGTH: usize = 1000;

/// How deep parentheses, signs and powers may be nested.
const MAX_DEPTH: usize = 64;

/// Why an expression has no value.
#[derive(Debug, PartialEq)]
pub(crate) struct Complaint(String);

impl fmt::Display for Complaint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Works an expression out.
pub(crate) fn evaluate(text: &str) -> Result<Value, Complaint> {
    if text.len() > MAX_LENGTH {
        return Err(Complaint(format!("the expression is longer than {MAX_LENGTH} bytes")));
    }
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.sum()?;
    match reader.next() {
        None if value.to_f64().is_finite() => Ok(value),
        None => Err(Complaint("the result is too large, or no number".to_owned())),
        Some(other) => Err(reader.unexpected(other)),
    }
}

/// Reads an expression from left to right.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Reader<'a> {
    /// The next character that is no space.
    fn next(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
        self.text[self.at..].chars().next()
    }

    /// Takes this character if it comes next.
    fn take(&mut self, wanted: char) -> bool {
        let is_next = self.next() == Some(wanted);
        if is_next {
            self.at += wanted.len_utf8();
        }
        is_next
    }

    fn unexpected(&self, found: char) -> Complaint {
        let place = self.text[..self.at].chars().count() + 1;
        Complaint(format!("`{}` at character {place} makes no sense", found.escape_debug()))
    }

    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Complaint>,
    ) -> Result<T, Complaint> {
        if self.depth == MAX_DEPTH {
            return Err(Complaint(format!("it is nested more than {MAX_DEPTH} deep")));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn sum(&mut self) -> Result<Value, Complaint> {
        let mut value = self.product()?;
        loop {
            if self.take('+') {
                value = value.plus(self.product()?);
            } else if self.take('-') || self.take('−') {
                value = value.minus(self.product()?);
            } else {
                return Ok(value);
            }
        }
    }

    fn product(&mut self) -> Result<Value, Complaint> {
        let mut value = self.signed()?;
        loop {
            if self.take('*') || self.take('×') || self.take('·') {
                value = value.times(self.signed()?);
            } else if self.take('/') || self.take('÷') {
                value = value.over(nonzero(self.signed()?)?);
            } else if self.take('%') {
                value = value.remainder(nonzero(self.signed()?)?);
            } else {
                return Ok(value);
            }
        }
    }

    fn signed(&mut self) -> Result<Value, Complaint> {
        if self.take('-') || self.take('−') {
            return self.deeper(Self::signed).map(Value::negated);
        }
        if self.take('+') {
            return self.deeper(Self::signed);
        }
        self.power()
    }

    /// `2 ^ 3 ^ 2` is `2 ^ (3 ^ 2)`, and `-2 ^ 2` is `-(2 ^ 2)`.
    fn power(&mut self) -> Result<Value, Complaint> {
        let base = self.atom()?;
        let is_power = self.take('^') || {
            let is_stars = self.next().is_some() && self.text[self.at..].starts_with("**");
            self.at += if is_stars { 2 } else { 0 };
            is_stars
        };
        if !is_power {
            return Ok(base);
        }
        let exponent = self.deeper(Self::signed)?;
        if base.is_zero() && exponent.compare(Value::whole(0)) == Ordering::Less {
            return Err(Complaint("division by zero".to_owned()));
        }
        Ok(base.power(exponent))
    }

    fn atom(&mut self) -> Result<Value, Complaint> {
        match self.next() {
            Some('(') => {
                self.at += 1;
                let value = self.deeper(Self::sum)?;
                self.close()?;
                Ok(value)
            }
            Some(first) if first.is_ascii_digit() || first == '.' => self.number(),
            Some(first) if first.is_alphabetic() => self.named(),
            Some(other) => Err(self.unexpected(other)),
            None => Err(Complaint("the expression ends too early".to_owned())),
        }
    }

    fn close(&mut self) -> Result<(), Complaint> {
        match (self.take(')'), self.next()) {
            (true, _) => Ok(()),
            (false, Some(other)) => Err(self.unexpected(other)),
            (false, None) => Err(Complaint("a `)` is missing".to_owned())),
        }
    }

    fn number(&mut self) -> Result<Value, Complaint> {
        let rest = &self.text[self.at..];
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let mut length = digits(rest);
        if rest[length..].starts_with('.') {
            length += 1 + digits(&rest[length + 1..]);
        }
        if rest[length..].starts_with(['e', 'E']) {
            let after = &rest[length + 1..];
            let sign = usize::from(after.starts_with(['+', '-']));
            let exponent = digits(&after[sign..]);
            length += if exponent > 0 { 1 + sign + exponent } else { 0 };
        }
        let written = &rest[..length];
        let value =
            Value::read(written).ok_or_else(|| Complaint(format!("`{written}` is no number")))?;
        self.at += length;
        Ok(value)
    }

    /// A constant or a function.
    fn named(&mut self) -> Result<Value, Complaint> {
        let rest = &self.text[self.at..];
        let length = rest.find(|each: char| !each.is_alphanumeric()).unwrap_or(rest.len());
        let name = &rest[..length];
        self.at += length;
        if !self.take('(') {
            return match name {
                "pi" | "π" => Ok(Value::Approximate(consts::PI)),
                "e" => Ok(Value::Approximate(consts::E)),
                "tau" => Ok(Value::Approximate(consts::TAU)),
                name => Err(Complaint(format!("there is no constant `{name}`"))),
            };
        }
        let mut values = vec![self.deeper(Self::sum)?];
        while self.take(',') {
            values.push(self.deeper(Self::sum)?);
        }
        self.close()?;
        apply(name, &values)
    }
}

fn nonzero(value: Value) -> Result<Value, Complaint> {
    match value.is_zero() {
        true => Err(Complaint("division by zero".to_owned())),
        false => Ok(value),
    }
}

fn apply(name: &str, values: &[Value]) -> Result<Value, Complaint> {
    let approximate = |function: fn(f64) -> f64, value: Value| -> Result<Value, Complaint> {
        let result = function(value.to_f64());
        match result.is_nan() {
            true => Err(Complaint(format!("{name}({}) is not defined", value.written(6)))),
            false => Ok(Value::Approximate(result)),
        }
    };
    match (name, values) {
        ("sqrt", [value]) if value.compare(Value::whole(0)) == Ordering::Less => {
            approximate(f64::sqrt, *value)
        }
        ("sqrt", [value]) => Ok(value.root()),
        ("abs", [value]) => Ok(match value.compare(Value::whole(0)) {
            Ordering::Less => value.negated(),
            _ => *value,
        }),
        ("round", [value]) => Ok(value.rounded()),
        ("round", [value, places]) => {
            let scale = Value::whole(10).power(*places);
            Ok(value.times(scale).rounded().over(nonzero(scale)?))
        }
        ("floor", [value]) => Ok(value.rounded_down()),
        ("ceil", [value]) => Ok(value.rounded_up()),
        ("min", [first, rest @ ..]) => Ok(best(*first, rest, Ordering::Less)),
        ("max", [first, rest @ ..]) => Ok(best(*first, rest, Ordering::Greater)),
        ("sin", [value]) => approximate(f64::sin, *value),
        ("cos", [value]) => approximate(f64::cos, *value),
        ("tan", [value]) => approximate(f64::tan, *value),
        ("asin", [value]) => approximate(f64::asin, *value),
        ("acos", [value]) => approximate(f64::acos, *value),
        ("atan", [value]) => approximate(f64::atan, *value),
        ("exp", [value]) => approximate(f64::exp, *value),
        ("ln", [value]) => approximate(f64::ln, *value),
        ("log", [value]) => approximate(f64::log10, *value),
        ("log2", [value]) => approximate(f64::log2, *value),
        ("cbrt", [value]) => approximate(f64::cbrt, *value),
        _ => Err(Complaint(format!("there is no function `{name}` of {} values", values.len()))),
    }
}

fn best(first: Value, rest: &[Value], wanted: Ordering) -> Value {
    rest.iter().fold(first, |best, other| match other.compare(best) == wanted {
        true => *other,
        false => best,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    fn result(text: &str) -> String {
        match evaluate(text) {
            Ok(value) => value.written(12),
            Err(complaint) => format!("! {complaint}"),
        }
    }

    #[test]
    fn expressions_have_their_values() {
        for (text, value) in [
            ("6*7", "42"),
            ("0.1 + 0.2", "0.3"),
            ("1/3", "0.333333333333"),
            ("1/3 + 1/3 + 1/3", "1"),
            ("2 + 3 * 4", "14"),
            ("(2 + 3) * 4^2", "80"),
            ("2^3^2", "512"),
            ("2 ** 10", "1024"),
            ("-2^2", "-4"),
            ("2^-2", "0.25"),
            ("7 % 3", "1"),
            ("-7 % 3", "2"),
            ("7.5 % -2", "-0.5"),
            ("2^64", "18446744073709551616"),
            ("2^200", "1.606938044259e60"),
            ("1e3 + 1.5e-3", "1000.0015"),
            ("123456789012345678 * 1000001", "123456912469134690345678"),
            ("sqrt(2)", "1.414213562373"),
            ("sqrt(9/4)", "1.5"),
            ("round(2.5) + round(-2.5)", "0"),
            ("round(2.345, 2)", "2.35"),
            ("floor(-1.5)", "-2"),
            ("ceil(-1.5)", "-1"),
            ("min(3, 1, 2) + max(3, 1, 2) + abs(-4)", "8"),
            ("sin(pi / 2)", "1"),
            ("ln(e)", "1"),
            ("log(1000)", "3"),
            ("3 × 4 ÷ 2 − 1", "5"),
            (".5 + 5.", "5.5"),
            ("1e-9", "0.000000001"),
            ("pi * 1e-9", "3.14159265359e-9"),
        ] {
            assert_eq!(result(text), value, "{text}");
        }
    }

    #[test]
    fn what_has_no_value_is_said_in_a_sentence() {
        for (text, complaint) in [
            ("", "the expression ends too early"),
            ("1 +", "the expression ends too early"),
            ("1 / 0", "division by zero"),
            ("0 ^ -1", "division by zero"),
            ("5 % 0", "division by zero"),
            ("(1 + 2", "a `)` is missing"),
            ("1 + 2)", "`)` at character 6 makes no sense"),
            ("2 $ 2", "`$` at character 3 makes no sense"),
            ("x + 1", "there is no constant `x`"),
            ("system(1)", "there is no function `system` of 1 values"),
            ("sqrt(1, 2)", "there is no function `sqrt` of 2 values"),
            ("sqrt(-1)", "sqrt(-1) is not defined"),
            ("ln(-1)", "ln(-1) is not defined"),
            ("10^400", "the result is too large, or no number"),
            (".", "`.` is no number"),
        ] {
            assert_eq!(result(text), format!("! {complaint}"), "{text}");
        }
    }

    #[test]
    fn what_is_long_or_deep_is_refused_and_nothing_takes_long() {
        assert!(result(&"1+".repeat(600)).contains("longer than 1000 bytes"));
        assert!(result(&"(".repeat(500)).contains("nested more than 64 deep"));
        assert!(result(&"-".repeat(500)).contains("nested more than 64 deep"));
        assert!(result(&format!("{}1", "2^".repeat(400))).contains("nested more than 64 deep"));
        let began = Instant::now();
        for text in ["9^9^9^9", "2^2147483647", "1e-400 / 3", &"9".repeat(999)] {
            let _ = result(text);
        }
        assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "\\PC{0,80}") {
            let _ = result(&text);
        }

        #[test]
        fn any_expression_is_answered(text in "[0-9.e+*/^%() ,a-z-]{0,80}") {
            let _ = result(&text);
        }

        #[test]
        fn whole_numbers_are_exact(a in -1_000_000_i64..1_000_000, b in 1_i64..1_000_000) {
            prop_assert_eq!(result(&format!("{a} * {b} + {a}")), (a * b + a).to_string());
            prop_assert_eq!(result(&format!("{a} / {b} * {b}")), a.to_string());
        }
    }
}
