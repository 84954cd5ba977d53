//! `${VAR}` in a string stands for the value of an environment variable.

use std::ffi::OsStr;

use super::Environment;

/// A `${VAR}` that stands for nothing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The variable is not set.
    Unset(String),
    /// The value of the variable is not UTF-8.
    NotText(String),
    /// What is between the braces is not the name of a variable, or the second brace is missing.
    Malformed,
}

/// Puts the variables' values in their places. `$${` stands for `${`; a `$` before anything else
/// stands for itself. What a variable holds is taken as it is.
///
/// # Errors
///
/// Every way in which references stand for nothing, once each.
pub(crate) fn interpolate(raw: &str, environment: &Environment) -> Result<String, Vec<Broken>> {
    let mut expanded = String::with_capacity(raw.len());
    let mut broken = Vec::new();
    let mut rest = raw;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        if let Some(before) = before.strip_suffix('$') {
            expanded.push_str(before);
            expanded.push_str("${");
            rest = &reference[2..];
            continue;
        }
        expanded.push_str(before);
        let Some(end) = reference.find('}') else {
            if !broken.contains(&Broken::Malformed) {
                broken.push(Broken::Malformed);
            }
            return Err(broken);
        };
        match look_up(&reference[2..end], environment) {
            Ok(value) => expanded.push_str(value),
            Err(problem) if !broken.contains(&problem) => broken.push(problem),
            Err(_) => {}
        }
        rest = &reference[end + 1..];
    }
    expanded.push_str(rest);
    if broken.is_empty() { Ok(expanded) } else { Err(broken) }
}

fn look_up<'a>(name: &str, environment: &'a Environment) -> Result<&'a str, Broken> {
    let is_name = name.chars().all(|each| each.is_ascii_alphanumeric() || each == '_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty();
    if !is_name {
        return Err(Broken::Malformed);
    }
    match environment.get(OsStr::new(name)).map(|value| value.to_str()) {
        Some(Some(value)) => Ok(value),
        Some(None) => Err(Broken::NotText(name.to_owned())),
        None => Err(Broken::Unset(name.to_owned())),
    }
}
