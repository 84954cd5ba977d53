//! What is found while a text is read, each finding with its line and column.

use crate::diagnostic::Diagnostic;
use std::{
    cell::{OnceCell, RefCell},
    path::Path,
};

/// More findings than this help nobody.
pub(crate) const MOST_FINDINGS: usize = 20;

/// Collects findings while a text, such as a manifest, is read.
pub(crate) struct Notes<'a> {
    path: &'a Path,
    text: &'a str,
    /// Where each line ends.
    ends: OnceCell<Vec<usize>>,
    found: RefCell<Vec<(usize, Diagnostic)>>,
}

impl<'a> Notes<'a> {
    pub(crate) fn new(path: &'a Path, text: &'a str) -> Self {
        Self { path, text, ends: OnceCell::new(), found: RefCell::default() }
    }

    /// Something at this byte offset makes the text useless.
    pub(crate) fn error(
        &self,
        code: &'static str,
        at: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(at, Diagnostic::error(code, message).hint(hint));
    }

    /// Something at this byte offset is worth mending.
    pub(crate) fn warning(
        &self,
        code: &'static str,
        at: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(at, Diagnostic::warning(code, message).hint(hint));
    }

    /// The line of a byte offset, from 1.
    pub(crate) fn line(&self, at: usize) -> usize {
        let ends = || self.text.match_indices('\n').map(|(end, _)| end).collect();
        self.ends.get_or_init(ends).partition_point(|end| *end < at) + 1
    }

    /// Whether the text is useless already.
    pub(crate) fn has_errors(&self) -> bool {
        self.found.borrow().iter().any(|(_, finding)| finding.is_error())
    }

    /// Everything found, in the order of the text.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let mut found = self.found.into_inner();
        found.sort_by_key(|(at, _)| *at);
        found.into_iter().map(|(_, finding)| finding).collect()
    }

    fn add(&self, at: usize, finding: Diagnostic) {
        let mut found = self.found.borrow_mut();
        if found.len() >= MOST_FINDINGS {
            // An error takes the place of a warning, since it decides whether the text is good for anything.
            let warning = found.iter().position(|(_, earlier)| !earlier.is_error());
            match warning.filter(|_| finding.is_error()) {
                Some(warning) => drop(found.remove(warning)),
                None => return,
            }
        }
        found.push((at, finding.at_offset(self.path, self.text, at)));
    }
}
