//! The interface is frozen: every layout that crosses the boundary is committed in `layout.snap`.

use loader_abi::layout;

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/layout.snap");

#[test]
fn layout_changes_only_by_allowed_additions() {
    let now = layout::snapshot();
    if std::env::var_os("LOADER_ABI_ACCEPT").is_some() {
        std::fs::write(COMMITTED, &now).expect("layout.snap can be written");
    }
    let committed = std::fs::read_to_string(COMMITTED).expect("layout.snap is committed");
    if let Err(change) = layout::additions_only(&committed, &now) {
        panic!(
            "the frozen interface changed: {change}\nundo the change: abi/README.md, \"Evolution\""
        );
    }
    assert_eq!(
        committed, now,
        "the interface grew by an allowed addition; record it with\n    \
         LOADER_ABI_ACCEPT=1 cargo test -p loader-abi --test layout"
    );
}

#[test]
fn a_changed_field_is_refused() {
    let now = layout::snapshot();
    let changed = now.replacen("call_id: u64", "call_id: u32", 1);
    assert_ne!(now, changed);
    assert!(layout::additions_only(&now, &changed).is_err());
}

#[test]
fn a_removed_type_is_refused() {
    let now = layout::snapshot();
    let without: String = now
        .lines()
        .skip_while(|line| !line.starts_with("struct context::CallContext"))
        .skip(1)
        .skip_while(|line| line.starts_with(' '))
        .collect::<Vec<_>>()
        .join("\n");
    assert!(layout::additions_only(&now, &without).is_err());
}

#[test]
fn a_field_appended_to_a_prefix_type_is_allowed() {
    let now = layout::snapshot();
    let mut grown = Vec::new();
    for line in now.lines() {
        grown.push(line.to_owned());
        if line.trim_start().starts_with("create: ") {
            grown.push("    extra: fn()->u32".to_owned());
        }
    }
    assert_eq!(layout::additions_only(&now, &grown.join("\n")), Ok(()));
}

#[test]
fn a_field_appended_to_a_plain_struct_is_refused() {
    let now = layout::snapshot();
    let grown = now.replacen("    depth: u32\n", "    depth: u32\n    extra: u32\n", 1);
    assert_ne!(now, grown);
    assert!(layout::additions_only(&now, &grown).is_err());
}
