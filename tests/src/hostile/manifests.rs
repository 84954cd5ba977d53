//! Manifests that lead elsewhere, and libraries that are not what their manifests say.

use super::{Case, RESTORE, ground::place};

/// The cases.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = texts();
    cases.extend(disagreements());
    cases
}

fn texts() -> Vec<Case> {
    let path = "LDR-MANIFEST-PATH";
    [
        Case::new("library above the folder", path, |it| {
            it.edit("path = \"libcanary.so\"", "path = \"../canary/libcanary.so\"");
        }),
        Case::new("library by an absolute path", path, |it| {
            let library = format!("path = \"{}\"", it.library().display());
            it.edit("path = \"libcanary.so\"", &library);
        }),
        Case::new("library behind a backslash", path, |it| {
            it.edit("path = \"libcanary.so\"", "path = 'lib\\libcanary.so'");
        }),
        Case::new("no TOML", "LDR-MANIFEST-SYNTAX", |it| place(&it.manifest(), b"manifest = = 1")),
        Case::new("no text", "LDR-MANIFEST-SYNTAX", |it| place(&it.manifest(), b"id = \"\xff\"")),
        Case::new("manifest of a mebibyte", "LDR-MANIFEST-SIZE", |it| {
            place(&it.manifest(), &[b'#'; 1 << 20]);
        }),
        Case::new("no library for this platform", "LDR-VET-PLATFORM", |it| {
            it.edit("path = \"libcanary.so\"", "windows-x86_64 = \"libcanary.so\"");
        }),
        Case::new("wants a service that is not there", "LDR-VET-SERVICE", |it| {
            it.edit("[provides]", "[requires]\nservices = [\"gpu/1\"]\n\n[provides]");
        }),
    ]
    .map(|case| case.mending(RESTORE))
    .into()
}

fn disagreements() -> Vec<Case> {
    vec![
        Case::new("another interface", "LDR-VET-ABI", |it| {
            it.patch(|elf| elf.replace("\"abi\":\"1.0\"", "\"abi\":\"9.0\""));
        }),
        Case::new("aborts on panic", "LDR-VET-PANIC", |it| {
            it.patch(|elf| elf.replace("\"panic\":\"unwind\"", "\"panic\":\"abort!\""));
        }),
        Case::new("another C library", "LDR-VET-TARGET", |it| {
            it.patch(|elf| elf.replace("-unknown-linux-gnu\"", "-unknown-linux-mus\""));
        }),
        Case::new("another version", "LDR-VET-VERSION", |it| {
            it.edit("version = \"0.1.0\"", "version = \"0.2.0\"");
        }),
        Case::new("another id", "LDR-VET-ID", |it| {
            it.patch(|elf| {
                elf.replace("\"id\":\"canary\",\"provides\"", "\"id\":\"cuckoo\",\"provides\"")
            });
        }),
        Case::new("provides more than it declares", "LDR-VET-PROVIDES", |it| {
            it.edit("\"song/1\" = [\"canary\"]", "");
        }),
        Case::new("declares more than it provides", "LDR-VET-PROVIDES", |it| {
            it.edit(
                "\"song/1\" = [\"canary\"]",
                "\"song/1\" = [\"canary\"]\n\"health/1\" = [\"canary\"]",
            );
        }),
    ]
}
