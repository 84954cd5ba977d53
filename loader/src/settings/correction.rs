//! Which known key a misspelt one was meant to be.

use loader_core::nearest::nearest;

use super::key::Key;
use super::shape::{Shape, TableShape};

/// The known key that a whole dotted key was meant to be; `None` when there is none.
pub(crate) fn correct(written: &Key, config: &TableShape) -> Option<Key> {
    let anything = TableShape::anything();
    let mut table = config;
    let mut corrected = Key::default();
    let mut names = written.names().iter().peekable();
    while let Some(name) = names.next() {
        let name = match table.member(name) {
            Some(_) => name.as_str(),
            None => nearest(name, table.fields.keys().map(String::as_str))?,
        };
        corrected = corrected.child(name);
        match table.member(name)? {
            Shape::Table(inner) => table = inner,
            Shape::Anything => table = &anything,
            _ if names.peek().is_some() => return None,
            _ => {}
        }
    }
    Some(corrected)
}
