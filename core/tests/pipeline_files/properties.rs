//! What holds for any input at all: nothing panics, places lie inside the text, paths stay inside
//! their folder.

use crate::{
    elf::Elf,
    plugin::{MANIFEST, facts},
};
use loader_core::{
    diagnostic::Diagnostic,
    manifest::{Manifest, RelativePath},
    vetting::binary,
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};
use std::path::{Component, Path};

/// A manifest comes exactly when there is no error, and every finding points into the text.
fn check(text: &str) {
    let parsed = Manifest::parse(Path::new("plugin.toml"), text);
    let errors = parsed.diagnostics.iter().any(Diagnostic::is_error);
    assert_eq!(parsed.manifest.is_none(), errors, "{text:?}");
    let lines: Vec<&str> = text.split('\n').collect();
    for finding in &parsed.diagnostics {
        let place = finding.place.as_ref().expect("a place");
        let (line, column) = (place.line.expect("a line"), place.column.expect("a column"));
        assert!((1..=lines.len()).contains(&line), "{finding} in {text:?}");
        let end = lines[line - 1].chars().count() + 1;
        assert!((1..=end).contains(&column), "{finding} in {text:?}");
        assert!(finding.hint.is_some(), "{finding} in {text:?}");
        assert!(!finding.message.contains(char::is_control), "{finding:?}");
    }
    if let Some(manifest) = parsed.manifest {
        assert!(!manifest.plugins().is_empty());
        serde_json::to_string(&manifest).expect("a manifest can be shown");
    }
}

/// Lines that look like a manifest, with values of every type in every place.
fn manifest_like() -> impl Strategy<Value = String> {
    let key = select(vec![
        "manifest",
        "id",
        "name",
        "version",
        "abi",
        "authors",
        "licence",
        "license",
        "kind",
        "library",
        "bundle",
        "skills",
        "path",
        "linux-x86_64",
        "provides",
        "\"health/1\"",
        "requires",
        "services",
        "contracts",
        "config",
        "schema",
        "account_schema",
        "activation",
        "commands",
        "startup",
        "setup",
        "single_account_keys",
        "extensions",
        "prefix",
        "\"ключ\"",
        "a.b.c",
        "\"\"",
    ]);
    let value = select(vec![
        "1",
        "2",
        "-7",
        "1.5",
        "nan",
        "inf",
        "true",
        "2026-01-02",
        "0xff",
        "[]",
        "{}",
        "\"\"",
        "\"hello\"",
        "\"1.0\"",
        "\"0.1.0\"",
        "\"lib.so\"",
        "\"../lib.so\"",
        "\"kv/1\"",
        "[\"hello\"]",
        "[\"kv/1\", 1]",
        "{ id = \"a\" }",
        "[{ id = \"a\", n = 1 }]",
        "{ path = \"a.so\" }",
        "\"\\u0007\"",
        "'''x\ny'''",
        "99999999999999999999",
        "\"é\"",
        "[[[]]]",
    ]);
    let table = select(vec![
        "[library]",
        "[provides]",
        "[requires]",
        "[config]",
        "[activation]",
        "[setup]",
        "[[extensions]]",
        "[extensions.library]",
        "[extensions.provides]",
        "[x.y]",
        "# comment",
    ]);
    let line = prop_oneof![
        4 => (key, value).prop_map(|(key, value)| format!("{key} = {value}")),
        1 => table.prop_map(str::to_owned),
    ];
    let head = select(vec![
        "",
        "manifest = 1\n",
        "manifest = 1\nid = \"hello\"\nversion = \"0.1.0\"\nabi = \"1.0\"\n",
    ]);
    (head, vec(line, 0..12)).prop_map(|(head, lines)| format!("{head}{}\n", lines.join("\n")))
}

/// A sound manifest with a few characters changed.
fn mutated() -> impl Strategy<Value = String> {
    let change = (any::<Index>(), 0..4usize, any::<char>());
    vec(change, 1..6).prop_map(|changes| {
        let mut text: Vec<char> = MANIFEST.chars().collect();
        for (index, length, inserted) in changes {
            let at = index.index(text.len());
            let end = (at + length).min(text.len() - 1);
            text.splice(at.min(end)..end, [inserted]);
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        check(&text);
    }

    #[test]
    fn any_toml_is_answered(text in manifest_like()) {
        check(&text);
    }

    #[test]
    fn any_slip_of_the_finger_is_answered(text in mutated()) {
        check(&text);
    }

    #[test]
    fn an_accepted_path_never_leaves_its_folder(text in "[a./\\\\:\u{0}-]{0,12}|(\\.\\.|\\.|a|/){0,6}|\\PC{0,20}") {
        let folder = Path::new("/plugins/hello");
        if let Ok(path) = text.parse::<RelativePath>() {
            prop_assert!(Path::new(path.as_str()).components().all(|part| matches!(part, Component::Normal(_))));
            let below = path.under(folder);
            let rest = below.strip_prefix(folder).expect("below its folder");
            prop_assert!(rest.components().count() >= 1);
            prop_assert!(rest.components().all(|part| matches!(part, Component::Normal(_))));
            prop_assert!(!text.contains(['\\', '\0', ':']));
        }
    }

    #[test]
    fn plain_names_are_accepted(text in "[a-z0-9_.-]{0,8}[a-z0-9]\\.so(/[a-z]{1,8}){0,3}") {
        prop_assert!(text.parse::<RelativePath>().is_ok(), "{}", text);
    }

    #[test]
    fn any_bytes_are_inspected(
        start in select(vec![&b"\x7fELF\x02\x01\x01"[..], b"\x7fELF\x01\x02\x01", b"\xcf\xfa\xed\xfe", b"MZ", b"\xca\xfe\xba\xbe", b""]),
        rest in vec(any::<u8>(), 0..512),
    ) {
        let _ = binary::inspect(&[start, &rest].concat());
    }

    #[test]
    fn any_damaged_library_is_inspected(changes in vec((any::<Index>(), any::<u8>()), 1..8)) {
        let mut library = Elf::new(&facts()).bytes();
        for (index, byte) in changes {
            let at = index.index(library.len());
            library[at] = byte;
        }
        let _ = binary::inspect(&library);
    }
}
