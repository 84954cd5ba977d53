//! Settings of an account that stand in their channel's own table, where they do not count: which of them the
//! channel's plugin lets be moved into an account.

use std::path::PathBuf;

use loader_gateway::setup;

use super::patient::{Configured, Patient};
use crate::edit::Edit;
use crate::finding::Finding;

/// What is said of such settings.
pub(super) const CODE: &str = "LDR-SETUP-PROMOTE";

/// The account they are moved into.
pub(super) const ACCOUNT: &str = "default";

/// Settings in one channel's own table, in one file.
pub(super) struct Stray {
    pub(super) file: PathBuf,
    pub(super) channel: String,
    /// Those that the plugin's manifest names, and that the account has not.
    pub(super) movable: Vec<String>,
    /// The others.
    others: Vec<String>,
}

/// Says where there are such settings.
pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    patient.look(|it| strays(it).iter().map(Stray::finding).collect())
}

/// Every such setting of a channel that somebody provides.
pub(super) fn strays(configured: &Configured) -> Vec<Stray> {
    let files = configured.context.resolved.files.iter();
    let mut strays = Vec::new();
    for file in files {
        let Ok(mut edit) = Edit::open(&file.path) else { continue };
        for (channel, mut others) in edit.stray_keys() {
            let Ok(Some(owner)) = setup::owner(&configured.survey, &channel) else { continue };
            let named = &owner.plugin.candidate.manifest().setup.single_account_keys;
            let declared: Vec<String> =
                others.iter().filter(|key| named.contains(key)).cloned().collect();
            let movable = edit.promote(&channel, ACCOUNT, &declared).unwrap_or_default();
            others.retain(|key| !movable.contains(key));
            strays.push(Stray { file: file.path.clone(), channel, movable, others });
        }
    }
    strays
}

impl Stray {
    fn finding(&self) -> Finding {
        let Self { file, channel, movable, others } = self;
        let list = |keys: &[String]| format!("`{}`", keys.join("`, `"));
        let (message, hint) = match (movable.as_slice(), others.as_slice()) {
            (movable, []) => {
                let message =
                    format!("[channels.{channel}] has an account's settings: {}", list(movable));
                (message, "loader doctor --fix".to_owned())
            }
            ([], others) => {
                let message = format!(
                    "[channels.{channel}] has settings that are not known to be an account's, or that \
                     the account has: {}",
                    list(others)
                );
                let hint =
                    format!("write them in [channels.{channel}.accounts.NAME], or remove them");
                (message, hint)
            }
            (movable, others) => {
                let message = format!(
                    "[channels.{channel}] has an account's settings: {}; and others, which stay: {}",
                    list(movable),
                    list(others)
                );
                (message, "loader doctor --fix".to_owned())
            }
        };
        Finding::warning(CODE, message).at(file).hint(hint)
    }
}
