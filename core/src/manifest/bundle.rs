//! What a plugin without code brings: files for others to read.

use super::{
    RelativePath,
    fields::{self, Fields},
};
use serde::Serialize;
use std::collections::BTreeSet;

/// A bundle has no more skills than this.
pub const MAX_SKILLS: usize = 256;

/// The content of a plugin that has no code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Bundle {
    /// Texts that teach a model how to do something, in the order of the manifest.
    pub skills: Vec<RelativePath>,
}

impl Bundle {
    /// Reads the `[bundle]` table.
    pub(super) fn read(mut table: Fields<'_>) -> Option<Self> {
        let example = "skills/my-skill/SKILL.md";
        table.required("skills", &format!("skills = [\"{example}\"]"))?;
        let (at, found) = (table.at(), table.texts("skills"));
        let notes = table.finish();
        let mut seen = BTreeSet::new();
        for text in &found {
            if !seen.insert(text.text) {
                let message = format!("`skills` names `{}` twice", text.text.escape_debug());
                notes.error("LDR-MANIFEST-DUPLICATE", text.at, message, "remove one of them");
            }
        }
        if found.len() > MAX_SKILLS {
            let message = format!("[bundle] has {} skills; {MAX_SKILLS} are allowed", found.len());
            notes.error("LDR-MANIFEST-VALUE", at, message, "make several bundles of it");
            return None;
        }
        if found.is_empty() && !notes.has_errors() {
            let message = "[bundle] brings nothing: its `skills` are empty";
            let hint = format!("name a file, such as `{example}`, or remove the plugin's folder");
            notes.error("LDR-MANIFEST-MISSING", at, message, hint);
        }
        let skills = found.into_iter();
        let skills = skills.filter_map(|text| fields::path(notes, "skills", text, example));
        Some(Self { skills: skills.collect() })
    }
}
