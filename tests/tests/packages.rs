//! Packages: hostile archives are refused, honest ones of other programs are taken, signatures are
//! those of the real `minisign`.

use integration_tests::{
    Home,
    archives::{Tar, gzip, hostile},
    expect_no_error, expect_unloaded, get,
    operator::Operator,
    peers, reset_resident_peak, resident_peak,
};
use loader_core::{
    Engine,
    digest::Digest,
    discovery::{Origin, Root},
    package::{self, Extracted, Files},
    trust::{
        Publisher, Release, Signatures, Trust, release,
        signature::{Claim, Judgement, SignedBy, judge},
    },
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("loader-test-").tempdir().expect("a temporary folder")
}

/// Everything below a folder: files with their content, folders with nothing.
fn everything(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_folder = path.symlink_metadata().expect("facts").is_dir();
            let content = if is_folder { Vec::new() } else { fs::read(&path).expect("content") };
            if is_folder {
                waiting.push(path.clone());
            }
            found.insert(path, content);
        }
    }
    found
}

#[test]
fn hostile_archives_are_refused_each_for_its_reason_and_leave_nothing() {
    let archives = folder();
    let home = folder();
    let outside = home.path().join("outside");
    fs::create_dir(&outside).expect("made");
    fs::write(outside.join("canary"), "alive").expect("written");
    let before = everything(home.path());
    let corpus = hostile(archives.path(), &outside);
    assert!(corpus.len() >= 40, "{}", corpus.len());
    reset_resident_peak();
    let base = resident_peak();
    for hostile in &corpus {
        let name = hostile.name;
        let destination = home.path().join("package");
        let refusal = package::unpack(&hostile.path, &destination).expect_err(name);
        assert_eq!(refusal.code, hostile.code, "{name}: {refusal}");
        assert!(refusal.message.contains(hostile.says), "{name}: {refusal}");
        assert!(refusal.hint.is_some() && !refusal.message.contains(char::is_control), "{name}");
        assert_eq!(everything(home.path()), before, "{name}");
    }
    // Of the whole process, and so more than what unpacking takes.
    let (count, peak) = (corpus.len(), resident_peak());
    let over = (peak - base) / 1024;
    println!(
        "{count} archives refused, 0 bytes outside, peak {} KiB, {over} over base",
        peak / 1024
    );
    assert!(peak <= 64 * 1024 * 1024, "{peak} bytes");
}

#[test]
fn a_link_that_is_put_in_the_way_while_unpacking_leads_nowhere() {
    let home = folder();
    let outside = home.path().join("outside");
    fs::create_dir(&outside).expect("made");
    let archive = home.path().join("a.ldr");
    let tar = (0..200).fold(Tar::package(), |tar, number| tar.file(format!("lib/{number}"), b"x"));
    fs::write(&archive, gzip(&tar.end())).expect("written");
    let destination = home.path().join("package");
    let done = AtomicBool::new(false);
    let (mut taken, mut refused, mut swaps) = (0, 0, 0);
    std::thread::scope(|scope| {
        let swapper = scope.spawn(|| {
            let (lib, aside) = (destination.join("lib"), destination.join("aside"));
            let mut swaps = 0;
            while !done.load(Ordering::Relaxed) {
                if fs::rename(&lib, &aside).is_ok() && symlink(&outside, &lib).is_ok() {
                    swaps += 1;
                    let _ = fs::remove_file(&lib);
                    let _ = fs::rename(&aside, &lib);
                }
            }
            swaps
        });
        for _ in 0..100 {
            match package::unpack(&archive, &destination) {
                Ok(_) => taken += 1,
                Err(_) => refused += 1,
            }
            while destination.exists() && fs::remove_dir_all(&destination).is_err() {}
        }
        done.store(true, Ordering::Relaxed);
        swaps = swapper.join().expect("the swapper ends");
    });
    println!("{swaps} swaps under 100 unpackings: {taken} taken, {refused} refused");
    assert!(swaps > 100, "the race was never run: {swaps}");
    assert_eq!(fs::read_dir(&outside).expect("there").count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_is_installed_as_its_plugins_and_nothing_in_it_is_run() {
    let (author, operator) = (Home::new(), Operator::new());
    let canary = operator.home().join("canary");
    let folder = author.add("pack");
    for script in ["install.sh", "postinstall"] {
        let path = folder.join(script);
        fs::write(&path, format!("#!/bin/sh\ntouch '{}'\n", canary.display())).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
    }
    let archive = operator.home().join("pack.tar.gz");
    let (file, from) = (archive.to_str().expect("text"), folder.to_str().expect("text"));
    run("tar", &["-czf", file, "-C", from, "."], operator.home());

    let installed = operator.ask(&["plugins", "install", "pack.tar.gz"]);
    assert_eq!(installed["plugins"][0]["id"], "pack");
    for id in ["pack/safety", "pack/tools"] {
        assert_eq!(operator.status(id), Ok("0.1.0".to_owned()), "{id}");
    }
    assert!(!canary.exists());

    // Both are served, and either can be switched off.
    let mut options = author.options();
    options.roots = vec![Root { path: operator.plugins(), origin: Origin::User, required: true }];
    let engine = Engine::new(options).expect("an engine");
    expect_no_error(&engine.load_all().await);
    assert_eq!(get(&engine, "safety", "/").await.expect("an answer"), "all is well");
    assert_eq!(get(&engine, "tools", "/").await.expect("an answer"), "hammer, tongs");
    expect_unloaded(&engine.stop(Duration::from_secs(5)).await);
    operator.configure("[plugins.entries.\"pack/tools\"]\nenabled = false\n");
    let list = operator.ask(&["plugins", "list"]);
    let statuses = list["plugins"].as_array().expect("plugins").iter();
    let statuses: Vec<_> = statuses.map(|one| one["status"].as_str()).collect();
    assert_eq!(statuses, [Some("ok"), Some("disabled")]);

    // The pack goes as it came: whole.
    operator.ask(&["plugins", "remove", "pack", "--yes"]);
    assert_eq!(operator.status("pack/safety"), Ok("absent".to_owned()));

    // A path that leads out, and bytes the catalogue does not speak of.
    let evil = operator.home().join("evil.tar.gz");
    let tar = Tar::package().file("../../../canary", b"out");
    fs::write(&evil, gzip(&tar.end())).expect("written");
    assert_eq!(operator.refused(&["plugins", "install", "evil.tar.gz"]), ["LDR-PACKAGE-NAME"]);
    let digest = Digest::of(b"other bytes");
    let index = operator.home().join("index.toml");
    let entry =
        format!("[[entries]]\nid = \"pack\"\nurl = \"pack.tar.gz\"\nsha256 = \"{digest}\"\n");
    fs::write(&index, entry).expect("written");
    operator.configure(&format!("plugins.catalogues = [{index:?}]\n"));
    assert_eq!(operator.refused(&["plugins", "install", "pack"]), ["LDR-CATALOGUE-DIGEST"]);
    assert!(!canary.exists());
    assert_eq!(operator.status("pack/safety"), Ok("absent".to_owned()));
}

/// A folder as an author has it, and its files.
fn honest(home: &Path) -> (PathBuf, Files) {
    let folder = home.join("honest");
    let long = format!("lib/{}/{}", "d".repeat(80), "n".repeat(90));
    let files: [(&str, &[u8]); 6] = [
        ("plugin.toml", b"manifest = 1\n"),
        ("README.md", "Grüße\n".as_bytes()),
        ("lib/größe/libx.so", &[0x7f; 70_000]),
        ("lib/empty", b""),
        ("lib/exactly a block", &[1; 512]),
        (&long, b"x"),
    ];
    for (name, content) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    }
    let files = files.map(|(name, content)| {
        (name.parse().expect("a path"), (Digest::of(content), content.len() as u64))
    });
    (folder, files.into())
}

fn run(program: &str, arguments: &[&str], within: &Path) {
    let output = Command::new(program).args(arguments).current_dir(within).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
}

fn expect_taken(archive: &Path, files: &Files) {
    let destination = archive.with_extension("out");
    let taken = package::unpack(archive, &destination).unwrap_or_else(|refusal| {
        panic!("{}: {refusal}", archive.display());
    });
    assert_eq!(taken, Extracted { files: files.clone() }, "{}", archive.display());
    assert_eq!(package::measure(&destination), Ok(files.clone()));
}

#[test]
fn archives_of_gnu_tar_are_taken() {
    let home = folder();
    let (folder, files) = honest(home.path());
    let folder = folder.to_str().expect("text");
    for format in ["gnu", "oldgnu", "posix", "ustar"] {
        for (name, arguments) in [
            ("plain.tar", &["-cf"][..]),
            ("compressed.tgz", &["-czf"]),
            ("odd.tar", &["--blocking-factor=1", "--mode=7777", "-cf"]),
        ] {
            let archive = home.path().join(format!("{format}-{name}"));
            let file = archive.to_str().expect("text");
            let format = format!("--format={format}");
            let arguments = [&[format.as_str()], arguments, &[file, "-C", folder, "."]].concat();
            run("tar", &arguments, home.path());
            expect_taken(&archive, &files);
        }
    }
    // The oldest format has no room for long names.
    let (short, archive) = (home.path().join("short"), home.path().join("v7.tar"));
    fs::create_dir_all(short.join("lib")).expect("made");
    fs::write(short.join("lib/x"), "x").expect("written");
    let file = archive.to_str().expect("text");
    let within = short.to_str().expect("text");
    run("tar", &["--format=v7", "-cf", file, "-C", within, "lib"], home.path());
    expect_taken(&archive, &package::measure(&short).expect("measured"));
    // By name and without entries for folders.
    let archive = home.path().join("names.tar");
    let names: Vec<&str> = files.keys().map(|path| path.as_str()).collect();
    let arguments = ["-cf", archive.to_str().expect("text"), "-C", folder];
    run("tar", &[&arguments, names.as_slice()].concat(), home.path());
    expect_taken(&archive, &files);
}

#[test]
fn archives_of_pythons_tarfile_are_taken() {
    let home = folder();
    let (folder, files) = honest(home.path());
    let program = "import sys, tarfile\n\
        form = {'ustar': tarfile.USTAR_FORMAT, 'gnu': tarfile.GNU_FORMAT, 'pax': tarfile.PAX_FORMAT}\n\
        with tarfile.open(sys.argv[1], sys.argv[2], format=form[sys.argv[3]]) as archive:\n\
        \x20   archive.add(sys.argv[4], arcname='.')\n";
    for format in ["ustar", "gnu", "pax"] {
        for mode in ["w", "w:gz"] {
            let archive = home.path().join(format!("{format}-{}.tar", mode.len()));
            let file = archive.to_str().expect("text");
            let folder = folder.to_str().expect("text");
            run("python3", &["-c", program, file, mode, format, folder], home.path());
            expect_taken(&archive, &files);
        }
    }
}

#[test]
fn other_programs_read_our_archives() {
    let home = folder();
    let (folder, files) = honest(home.path());
    let manifest = "manifest = 1\nid = \"a\"\nversion = \"1.0.0\"\nabi = \"1.0\"\n\
                    [library]\npath = \"lib/empty\"\n";
    fs::write(folder.join("plugin.toml"), manifest).expect("written");
    let release = Release::describe(&folder, 1).expect("described");
    let archive = home.path().join(package::file_name(&release));
    let packed = package::pack(&folder, &release, &archive, &mut |_, _| ()).expect("packed");
    assert_eq!(packed.files.len(), files.len());
    let out = home.path().join("gnu");
    fs::create_dir(&out).expect("made");
    let file = archive.to_str().expect("text");
    run("tar", &["-xzf", file], &out);
    assert_eq!(package::measure(&out), Ok(packed.files.clone()));
    let out = home.path().join("python");
    fs::create_dir(&out).expect("made");
    run("python3", &["-m", "tarfile", "-e", file, "."], &out);
    assert_eq!(package::measure(&out), Ok(packed.files));
}

#[test]
fn a_folder_is_copied_by_the_rules_for_archives() {
    let home = folder();
    let (source, files) = honest(home.path());
    let copy = |name: &str| package::copy_folder(&source, &home.path().join(name));
    assert_eq!(copy("copy"), Ok(Extracted { files }));
    let refused = |code: &str| {
        let refusal = copy("refused").expect_err("refused");
        assert_eq!(refusal.code, code, "{refusal}");
        assert!(!home.path().join("refused").exists());
    };
    let link = source.join("lib/link");
    symlink("/etc/passwd", &link).expect("linked");
    refused("LDR-PACKAGE-KIND");
    fs::remove_file(&link).expect("removed");
    run("mkfifo", &["pipe"], &source);
    refused("LDR-PACKAGE-KIND");
    fs::remove_file(source.join("pipe")).expect("removed");
    for name in ["Plugin.toml", "a:b", "x.", "nul"] {
        fs::write(source.join(name), "").expect("written");
        let code = if name.contains("toml") { "LDR-PACKAGE-DUPLICATE" } else { "LDR-PACKAGE-NAME" };
        refused(code);
        fs::remove_file(source.join(name)).expect("removed");
    }
    fs::File::create(source.join("huge")).and_then(|file| file.set_len(129 << 20)).expect("made");
    refused("LDR-PACKAGE-LIMIT");
}

#[test]
fn what_minisign_signs_is_verified() {
    let Some(peers) = peers::installed() else { return };
    let minisign = peers["minisign"].as_str().expect("a path").to_owned();
    let home = folder();
    let (folder, _) = honest(home.path());
    let manifest = "manifest = 1\nid = \"a\"\nversion = \"1.0.0\"\nabi = \"1.0\"\n\
                    [library]\npath = \"lib/empty\"\n";
    fs::write(folder.join("plugin.toml"), manifest).expect("written");
    let release = Release::describe(&folder, 1).expect("described");
    fs::write(folder.join(release::FILE_NAME), release.to_text()).expect("written");
    let make_key = |name: &str| {
        let (public, secret) = (format!("{name}.pub"), format!("{name}.key"));
        run(&minisign, &["-G", "-W", "-p", &public, "-s", &secret], home.path());
        let text = fs::read_to_string(home.path().join(public)).expect("a key");
        let mut lines = text.lines();
        let id = lines.next().and_then(|line| line.rsplit(' ').next()).expect("an id").to_owned();
        (lines.next().expect("a key").to_owned(), id)
    };
    // Exactly the command that `loader plugins pack` prints, apart from where the key is.
    let sign = |key: &str| {
        let key = format!("{}/{key}.key", home.path().display());
        run(&minisign, &["-S", "-s", &key, "-m", release::FILE_NAME], &folder);
        fs::read(folder.join(release::SIGNATURE_FILE_NAME)).expect("a signature")
    };
    let (old, new) = (make_key("old"), make_key("new"));
    let (by_old, by_new) = (sign("old"), sign("new"));
    let verdict = |keys: &[&(String, String)], signature: &[u8], text: &str| {
        let keys = keys.iter().map(|(key, _)| key.clone()).collect();
        let acme = Publisher { keys, ..Publisher::default() };
        let publishers = [("acme".to_owned(), acme)].into();
        let trust = Trust { signatures: Signatures::Required, publishers, ..Trust::default() };
        let signature = Some(signature);
        let claim = Claim { release: &release, text: text.as_bytes(), signature };
        judge(&trust, Origin::User, "a", Some(claim)).map_err(|refusal| refusal.code)
    };
    let signed = |id: &str| {
        let by = SignedBy { publisher: "acme".to_owned(), key_id: id.to_owned() };
        Ok(Judgement { signed_by: Some(by), warning: None })
    };
    let text = release.to_text();
    // Rotation: the old key, both, the new one.
    assert_eq!(verdict(&[&old], &by_old, &text), signed(&old.1));
    assert_eq!(verdict(&[&old], &by_new, &text), Err("LDR-SIGN-UNKNOWN"));
    assert_eq!(verdict(&[&old, &new], &by_old, &text), signed(&old.1));
    assert_eq!(verdict(&[&old, &new], &by_new, &text), signed(&new.1));
    assert_eq!(verdict(&[&new], &by_new, &text), signed(&new.1));
    assert_eq!(verdict(&[&new], &by_old, &text), Err("LDR-SIGN-UNKNOWN"));
    assert_eq!(verdict(&[&new], &by_new, &format!("{text} ")), Err("LDR-SIGN-INVALID"));
}
