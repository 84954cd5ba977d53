//! `loader plugins audit`: what a library needs and would bring along, told from its bytes.

use integration_tests::{Home, build, c, defects};
use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

fn run(home: &Home, arguments: &[&str]) -> Output {
    let mut command = Command::new(build::loader());
    command.env_clear().arg("--state-dir").arg(home.state());
    command.arg("--plugins-dir").arg(home.plugins()).args(["plugins", "audit"]).args(arguments);
    command.output().expect("the product")
}

/// Audits with `--json`: the exit code and the envelope.
fn audit(home: &Home, subject: &str) -> (Option<i32>, Value) {
    let output = run(home, &[subject, "--json"]);
    let envelope = serde_json::from_slice(&output.stdout);
    (output.status.code(), envelope.unwrap_or_else(|error| panic!("{error}: {output:?}")))
}

/// The codes and messages of an audit's findings.
fn findings(envelope: &Value) -> Vec<(String, String)> {
    let findings = envelope["data"]["libraries"][0]["findings"].as_array().expect("findings");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    findings.iter().map(|one| (text(&one["code"]), text(&one["message"]))).collect()
}

/// A library of C is audited; it has this finding with this in its message, and exits with this code.
fn finds(source: &str, words: &[&str], code: &str, says: &str, exit: i32) {
    let home = Home::new();
    let library = c::library(&home.state(), source, words);
    let (status, envelope) = audit(&home, library.to_str().expect("UTF-8"));
    let findings = findings(&envelope);
    let found = findings.iter().find(|(found, message)| found == code && message.contains(says));
    assert!(found.is_some(), "no {code} with `{says}`: {findings:#?}");
    assert_eq!(status, Some(exit), "{findings:#?}");
    assert_eq!(envelope["ok"], exit == 0);
}

#[test]
fn a_sound_plugin_has_nothing_to_say_and_much_to_show() {
    let home = Home::new();
    home.add("hello");
    let (status, envelope) = audit(&home, "hello");
    assert_eq!((status, findings(&envelope)), (Some(0), Vec::new()));
    let library = &envelope["data"]["libraries"][0];
    assert_eq!((&library["plugin"], &library["format"]), (&"hello".into(), &"ELF".into()));
    assert_eq!(library["facts"]["plugins"][0]["id"], "hello");
    assert_eq!(library["exports"], serde_json::json!([]));
    assert_eq!(
        (&library["elf"]["relro"], &library["elf"]["constructors"]),
        (&"full".into(), &2.into())
    );
    let needed = library["needed"].as_array().expect("libraries");
    let libc =
        needed.iter().find(|one| one["name"] == "libc.so.6").expect("it needs the C library");
    assert!(Path::new(libc["path"].as_str().expect("it is here")).is_file());
    let number = |text: &Value| -> Vec<u32> {
        let text = text.as_str().expect("a version");
        text.split('.').map(|part| part.parse().expect("a number")).collect()
    };
    let (needs, here) = (number(&library["libc"]["needs"]), number(&library["libc"]["here"]));
    assert!(vec![2, 2] < needs && needs <= here, "{library:#}");
    // What the dynamic linker itself says this machine has.
    let version = Command::new("getconf").arg("GNU_LIBC_VERSION").output().expect("getconf");
    let version = String::from_utf8_lossy(&version.stdout).trim().replace("glibc ", "");
    assert_eq!(library["libc"]["here"], version);
}

#[test]
fn people_get_a_sheet_and_without_a_name_every_plugin() {
    let home = Home::new();
    home.add("hello");
    home.add("bare-call");
    let output = run(&home, &[]);
    let text = String::from_utf8_lossy(&output.stdout);
    for line in [
        "plugin       hello",
        "plugin       bare-call",
        "glibc        2.",
        "needs        libc.so.6 (/",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line}:\n{text}");
    }
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let unknown = run(&home, &["helo"]);
    assert_eq!(unknown.status.code(), Some(4));
}

#[test]
fn a_constructor_of_its_own_is_counted() {
    let home = Home::new();
    defects::add(&home, "harmless");
    let (_, envelope) = audit(&home, "bad-constructor");
    let findings = findings(&envelope);
    let said = ("LDR-AUDIT-CONSTRUCTORS", "1 of its functions run when it is opened");
    assert!(findings.iter().any(|(code, message)| code == said.0 && message.contains(said.1)));
}

#[test]
fn a_c_library_that_is_too_new_for_this_machine() {
    let home = Home::new();
    let folder = home.add("hello");
    let path = folder.join("libhello.so");
    let mut bytes = fs::read(&path).expect("a library");
    let (old, new) = (b"\0GLIBC_2.34\0", b"\0GLIBC_9.99\0");
    let at = bytes.windows(old.len()).position(|found| found == old).expect("it needs 2.34");
    bytes[at..at + new.len()].copy_from_slice(new);
    fs::write(&path, bytes).expect("a library");
    let (status, envelope) = audit(&home, "hello");
    let findings = findings(&envelope);
    let [(code, message)] = &findings[..] else { panic!("one finding: {findings:#?}") };
    assert_eq!((status, code.as_str()), (Some(1), "LDR-AUDIT-LIBC"));
    assert!(message.contains("it needs glibc 9.99 (for `pthread_key_create`"), "{message}");
    assert_eq!(envelope["errors"][0]["code"], "LDR-AUDIT-LIBC");
    assert_eq!(envelope["errors"][0]["plugin"], "hello");
}

#[test]
fn a_needed_library_that_is_not_here() {
    let home = Home::new();
    let needed = c::library(
        &home.state(),
        "int absent(void) { return 1; }",
        &["-Wl,-soname,libabsent.so.7"],
    );
    let other = home.state().join("libabsent.so");
    fs::rename(needed, &other).expect("another name");
    let source = "int absent(void); int here(void) { return absent(); }";
    let words = [other.to_str().expect("UTF-8")];
    finds(source, &words, "LDR-AUDIT-NEEDED", "`libabsent.so.7`, which is not on this machine", 1);
}

#[test]
fn folders_that_are_searched_for_what_it_needs() {
    let words = ["-Wl,-rpath,/tmp/anybody:$ORIGIN"];
    finds("int x;", &words, "LDR-AUDIT-RUNPATH", "`/tmp/anybody`, `$ORIGIN`", 1);
}

#[test]
fn an_executable_stack() {
    finds("int x;", &["-Wl,-z,execstack"], "LDR-AUDIT-MEMORY", "an executable stack", 1);
}

#[test]
fn memory_that_is_written_and_executed() {
    finds(
        "int x = 1; int f(void) { return x; }",
        &["-Wl,-N", "-nostdlib"],
        "LDR-AUDIT-MEMORY",
        "written and executed at once",
        1,
    );
}

#[test]
fn addresses_that_stay_writable() {
    finds("int x;", &["-Wl,-z,lazy,-z,norelro"], "LDR-AUDIT-RELRO", "stay writable", 0);
}

#[test]
fn functions_that_code_chooses() {
    let source = "static int one(void) { return 1; } \
                  static int (*choose(void))(void) { return one; } \
                  int chosen(void) __attribute__((ifunc(\"choose\")));";
    finds(source, &[], "LDR-AUDIT-IFUNC", "chooses 1 of its functions", 0);
}

#[test]
fn symbols_besides_the_plugins_root() {
    finds("int mine;", &[], "LDR-AUDIT-EXPORTS", "`mine`", 0);
}

#[test]
fn calls_that_no_manifest_speaks_of() {
    let source = "#include <unistd.h>\n#include <sys/socket.h>\n#include <signal.h>\n#include <dlfcn.h>\n\
                  void all(char **a) { execve(a[0], a, a); socket(1, 1, 1); raise(9); dlopen(a[0], 1); }";
    for (function, purpose) in [
        ("execve", "other programs"),
        ("socket", "the network"),
        ("raise", "signals"),
        ("dlopen", "further libraries"),
    ] {
        let says = format!("it calls `{function}`, which is for {purpose}");
        finds(source, &[], "LDR-AUDIT-IMPORTS", &says, 0);
    }
}

#[test]
fn a_file_for_another_platform_shows_what_it_can() {
    let home = Home::new();
    for (file, format) in [("macho-aarch64", "Mach-O"), ("pe-x86_64", "PE"), ("elf-aarch64", "ELF")]
    {
        let path = build::repository().join("tests/fuzz/corpus/binary").join(file);
        let (_, envelope) = audit(&home, &format!("{}", path.display()));
        let library = &envelope["data"]["libraries"][0];
        assert_eq!(library["format"], format, "{envelope:#}");
        assert_eq!(library["facts"]["plugins"][0]["id"], "hello", "{envelope:#}");
        assert!(library["libc"].is_null());
    }
}

#[test]
fn what_is_no_library_is_refused() {
    let home = Home::new();
    let file = home.state().join("no.so");
    fs::write(&file, "#!/bin/sh\n").expect("a file");
    let (status, envelope) = audit(&home, file.to_str().expect("UTF-8"));
    assert_eq!((status, &envelope["error"]["code"]), (Some(1), &"LDR-AUDIT-FORMAT".into()));
}
