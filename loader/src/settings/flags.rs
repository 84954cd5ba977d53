//! Settings given on the command line.

use super::document;
use super::key::Key;
use super::node::{Table, single};
use super::origin::{Layer, Origin};
use super::problem::{Problem, code};
use super::text::quote;

/// One flag as a layer of its own; `None` when it sets nothing, which is a problem.
pub(crate) fn read(
    dotted: &str,
    value: &toml::Value,
    problems: &mut Vec<Problem>,
) -> Option<Table> {
    let origin = Origin::of_layer(Layer::Flag);
    let Some(key) = Key::parse(dotted) else {
        let message = format!("{} is not a dotted key", quote(dotted));
        let problem = Problem::error(code::NAME, message).at(&origin);
        problems.push(problem.hint("write a key such as `gateway.listen`"));
        return None;
    };
    // A value that was printed as TOML reads as TOML, so the flags need no reader of their own.
    let Some(value) = document::read_value(&value.to_string(), &origin) else {
        let message = format!("`{key}` is a number that cannot be represented");
        let problem = Problem::error(code::VALUE, message).at(&origin);
        problems.push(problem.hint("integers have 64 bits, and floats are finite"));
        return None;
    };
    Some(single(&key, &origin, value))
}
