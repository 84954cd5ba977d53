//! The history of the interface against the interface.

use loader_abi::{ABI_VERSION, history::RELEASES};

#[test]
fn the_last_release_is_this_version() {
    assert_eq!(RELEASES.last().map(|release| release.version), Some(ABI_VERSION));
    assert!(RELEASES.is_sorted_by(|one, next| one.version < next.version));
}

#[test]
fn what_a_release_added_crosses_the_boundary() {
    let layout = loader_abi::layout::snapshot();
    for added in RELEASES.iter().flat_map(|release| release.added) {
        let (_, name) = added.split_once('.').expect("an owner and a name");
        assert!(layout.contains(&format!("\n    {name}: ")), "{added} is in no layout");
    }
}
