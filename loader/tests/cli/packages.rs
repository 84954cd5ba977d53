//! Packages as their authors make them, and as others find them.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::context::Context;

/// A machine with a plugin folder that can be packed: `[ROOT]/plugins/hello`, for this host alone.
fn author() -> Context {
    let context = Context::new();
    context.install("hello");
    let manifest = context.plugins().join("hello/plugin.toml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    let kept = text.lines().filter(|line| {
        !["linux-aarch64", "macos", "windows"].iter().any(|other| line.starts_with(other))
    });
    let text: String = kept.map(|line| format!("{line}\n")).collect();
    fs::write(manifest, text).expect("a manifest");
    context
}

fn pack(context: &Context, more: &[&str]) -> crate::context::Outcome {
    context.run(&[&["plugins", "pack", "../plugins/hello"], more].concat())
}

#[test]
fn pack_makes_the_same_archive_twice_and_says_how_to_sign_it() {
    let context = author();
    let archive = context.project().join("hello-0.1.0.ldr");
    let release = context.plugins().join("hello/release.toml");

    let dry = pack(&context, &["--dry-run"]);
    assert_eq!(dry.code, Some(0), "{dry}");
    assert!(!archive.exists() && !release.exists(), "{dry}");

    let outcome = pack(&context, &[]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    let line = "[ROOT]/project/hello-0.1.0.ldr: hello 0.1.0, serial 1, not signed\nsha256 ";
    assert!(outcome.stdout.starts_with(line), "{outcome}");
    assert_eq!(
        outcome.stderr,
        "warning[LDR-RELEASE-UNSIGNED]: hello: the package is not signed\n  \
         --> ../plugins/hello/release.toml\n  \
         hint: minisign -S -m ../plugins/hello/release.toml && loader plugins pack ../plugins/hello\n"
    );
    let first = fs::read(&archive).expect("an archive");
    let again = pack(&context, &["--output", "again.ldr", "--json"]).json();
    assert_eq!(fs::read(context.project().join("again.ldr")).expect("an archive"), first);
    let data = &again["data"];
    assert_eq!(
        (&data["id"], &data["serial"], &data["signed"]),
        (&json!("hello"), &json!(1), &json!(false))
    );
    assert_eq!(data["size"], json!(first.len()));
    assert_eq!(data["files"].as_object().map(serde_json::Map::len), Some(2));
}

#[test]
fn another_release_is_made_only_on_purpose() {
    let context = author();
    assert_eq!(pack(&context, &[]).code, Some(0));
    context.write("plugins/hello/README.md", "new");
    let stale = pack(&context, &[]);
    assert_eq!(stale.code, Some(1), "{stale}");
    assert!(stale.stderr.contains("error[LDR-RELEASE-STALE]"), "{stale}");
    // The printed command mends it.
    assert!(stale.stderr.ends_with("loader plugins pack ../plugins/hello --serial 2\n"), "{stale}");
    let mended = pack(&context, &["--serial", "2", "--json"]).json();
    assert_eq!(mended["data"]["serial"], 2);
    assert_eq!(pack(&context, &["--json"]).json()["data"]["serial"], 2);
}

#[test]
fn what_does_not_work_is_not_packed() {
    let refused = |break_it: &dyn Fn(&Path), code: &str| {
        let context = author();
        break_it(&context.plugins().join("hello"));
        let outcome = pack(&context, &[]);
        assert_eq!(outcome.code, Some(1), "{outcome}");
        assert!(outcome.stderr.contains(&format!("error[{code}]")), "{code}: {outcome}");
        assert!(outcome.stderr.contains("\n  hint: "), "{outcome}");
        assert_eq!(fs::read_dir(context.project()).expect("there").count(), 0, "{outcome}");
        assert!(!context.plugins().join("hello/release.toml").exists());
    };
    let edit = |folder: &Path, from: &str, to: &str| {
        let path = folder.join("plugin.toml");
        let text = fs::read_to_string(&path).expect("a manifest");
        assert!(text.contains(from));
        fs::write(path, text.replace(from, to)).expect("a manifest");
    };
    refused(&|folder| edit(folder, "id = \"hello\"", "id = \"Hello\""), "LDR-MANIFEST-VALUE");
    refused(&|folder| edit(folder, "0.1.0", "0.2.0"), "LDR-VET-VERSION");
    refused(
        &|folder| edit(folder, "[library]", "[library]\nmacos-aarch64 = \"x\""),
        "LDR-MANIFEST-FILE",
    );
    let arm =
        |folder: &Path| edit(folder, "[library]", "[library]\nmacos-aarch64 = \"libhello.so\"");
    refused(&arm, "LDR-VET-FORMAT");
    refused(
        &|folder| fs::remove_file(folder.join("plugin.toml")).expect("removed"),
        "LDR-DISCOVERY-EMPTY",
    );
    refused(
        &|folder| std::os::unix::fs::symlink("/etc/passwd", folder.join("x")).expect("linked"),
        "LDR-PACKAGE-KIND",
    );
    refused(&|folder| fs::write(folder.join("nul.txt"), "").expect("written"), "LDR-PACKAGE-NAME");
}

#[test]
fn search_lists_what_the_catalogues_have() {
    let context = Context::new();
    let index = "[[entries]]\nid = \"hello\"\nversion = \"1.0.0\"\ndescription = \"Greets\"\n\
                 platforms = [\"linux-x86_64\"]\n[[entries]]\nid = \"other\"\n";
    context.write("home/.config/loader/index.toml", index);
    context.write(
        "home/.config/loader/loader.toml",
        "plugins.catalogues = ['index.toml', 'missing.toml']\n",
    );
    let outcome = context.run(&["plugins", "search", "GREET"]);
    assert_eq!(outcome.code, Some(0), "{outcome}");
    assert_eq!(
        outcome.stdout,
        "ID     VERSION  PLATFORMS     DESCRIPTION\nhello  1.0.0    linux-x86_64  Greets\n"
    );
    // One that cannot be read does not hide the others.
    assert!(outcome.stderr.contains("error[LDR-CATALOGUE-READ]"), "{outcome}");
    assert!(outcome.stderr.contains("--> [ROOT]/home/.config/loader/missing.toml"), "{outcome}");
    let found = context.run(&["plugins", "search", "--json"]).json();
    let packages = found["data"]["packages"].as_array().expect("a list");
    assert_eq!(packages.len(), 2);
    assert_eq!(packages[1]["id"], "other");
    assert_eq!(
        packages[0]["catalogue"].as_str().map(|path| context.redact(path)).as_deref(),
        Some("[ROOT]/home/.config/loader/index.toml")
    );
}

#[test]
fn what_is_not_final_is_chosen_on_demand_only() {
    let context = author();
    let folder = context.plugins().join("hello");
    // The later release is not final; neither is there, which is enough to see which was chosen.
    let entries: String = ["1.0.0", "2.0.0-rc.1"]
        .map(|version| {
            let url = folder.with_file_name(version);
            format!("[[entries]]\nid = \"hello\"\nversion = \"{version}\"\nurl = {url:?}\n")
        })
        .concat();
    let only = "[[entries]]\nid = \"only\"\nversion = \"1.0.0-a\"\nurl = \"only.ldr\"\n";
    context.write("home/.config/loader/index.toml", entries + only);
    context.write("home/.config/loader/loader.toml", "plugins.catalogues = ['index.toml']\n");

    let search = |more: &[&str]| {
        let outcome = context.run(&[&["plugins", "search"], more].concat());
        let lines = outcome.data().lines().skip(1);
        lines.map(|line| line.split_whitespace().nth(1).unwrap_or_default().to_owned()).collect()
    };
    let (final_ones, all): (Vec<String>, Vec<String>) = (search(&[]), search(&["--prerelease"]));
    assert_eq!(final_ones, ["1.0.0"]);
    assert_eq!(all, ["2.0.0-rc.1", "1.0.0", "1.0.0-a"]);

    let install =
        |more: &[&str]| context.run(&[&["plugins", "install", "--dry-run"], more].concat());
    for (more, chosen) in [
        (&["hello"][..], "plugins/1.0.0"),
        (&["hello", "--prerelease"], "plugins/2.0.0-rc.1"),
        (&["hello@1", "--prerelease"], "plugins/1.0.0"),
    ] {
        let outcome = install(more);
        assert_eq!(outcome.code, Some(1), "{outcome}");
        assert!(outcome.stderr.contains(chosen), "{more:?}: {outcome}");
    }
    let refused = install(&["only"]);
    assert!(refused.stderr.contains("error[LDR-CATALOGUE-VERSION]"), "{refused}");
    assert!(
        refused.stderr.ends_with("hint: loader plugins install only --prerelease\n"),
        "{refused}"
    );
}

#[test]
fn an_entry_that_only_describes_cannot_be_installed() {
    let context = Context::new();
    let index = context.write("index.toml", "[[entries]]\nid = \"hello\"\n");
    let flag = format!("plugins.catalogues=[{index:?}]");
    let outcome = context.run(&["plugins", "install", "hello", "--set", &flag]);
    assert_eq!(
        outcome.to_string(),
        "\
exit: 1
-- stdout
-- stderr
error[LDR-CATALOGUE-NOWHERE]: hello: the catalogue describes `hello` and does not say where it is
  hint: get it from its publisher, and name the file or the address
"
    );
}

#[test]
fn a_project_names_no_catalogue_and_a_wrong_address_is_refused() {
    let context = Context::new();
    context.write("project/index.toml", "[[entries]]\nid = \"evil\"\n");
    context.write("project/loader.toml", "plugins.catalogues = ['index.toml']\n");
    let outcome = context.run(&["plugins", "search"]);
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(0), ""), "{outcome}");
    assert!(outcome.stderr.contains("LDR-CFG-UNTRUSTED"), "{outcome}");
    assert!(outcome.stderr.contains("LDR-CATALOGUE-NONE"), "{outcome}");
    let wrong = context.run(&["plugins", "search", "--set", "plugins.catalogues=['ftp://h/x']"]);
    assert_eq!(wrong.code, Some(3), "{wrong}");
}

#[test]
fn going_back_and_taking_out_say_what_a_running_gateway_does() {
    let context = author();
    let install = |serial: &str| {
        let archive = format!("hello-{serial}.ldr");
        let packed = pack(&context, &["--serial", serial, "--output", &archive]);
        assert_eq!(packed.code, Some(0), "{packed}");
        let installed = context.run(&["plugins", "install", &archive, "--accept"]);
        assert_eq!(installed.code, Some(0), "{installed}");
    };
    install("1");
    context.write("plugins/hello/README.md", "new");
    install("2");
    context.write("plugins/hello/README.md", "newer");
    install("3");
    let unwatched = ["--set", "plugins.reload.watch=false"];
    let said = |arguments: &[&str]| context.run(arguments).stdout;
    let back = "hello 0.1.0 is in use again, in place of 0.1.0; a running gateway goes over to it";
    assert_eq!(said(&["plugins", "rollback", "hello"]), format!("{back}\n"));
    assert_eq!(
        said(&[&["plugins", "rollback", "hello"], &unwatched[..]].concat()),
        format!("{back} with: loader plugins reload hello\n")
    );
    let removed = said(&["plugins", "remove", "hello", "--yes"]);
    assert_eq!(removed, "hello is removed; a running gateway stops it\n");
    context.write("plugins/hello/README.md", "newest");
    install("4");
    assert_eq!(
        said(&[&["plugins", "remove", "hello", "--yes"], &unwatched[..]].concat()),
        "hello is removed; a running gateway serves it until it is restarted\n"
    );
}
