//! Any text as the body of `loader.lock`, with the digest that fits it, and as the whole file: an answer,
//! and what is taken is spelt exactly so.
#![no_main]

use libfuzzer_sys::fuzz_target;
use loader_core::{digest::Digest, trust::lock::Lock};
use std::path::{Component, Path};

fuzz_target!(|body: &str| {
    let whole = Lock::parse(body.as_bytes());
    if let Ok(lock) = whole {
        assert_eq!(lock.text(), body);
    }
    let empty = Lock::default().text();
    let at = empty.find("sha256").expect("its digest");
    let text = format!("{}sha256 = \"{}\"\n{body}", &empty[..at], Digest::of(body.as_bytes()));
    let Ok(lock) = Lock::parse(text.as_bytes()) else { return };
    assert_eq!(lock.text(), text);
    for release in &lock.installed {
        let mut names = Path::new(&release.folder).components();
        assert!(matches!(names.next(), Some(Component::Normal(_))) && names.next().is_none());
        for file in release.files.keys() {
            let mut parts = Path::new(file.as_str()).components();
            assert!(parts.all(|part| matches!(part, Component::Normal(_))), "{file}");
        }
    }
});
