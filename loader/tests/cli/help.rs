//! What the program says about itself. `INSTA_UPDATE=always cargo test -p loader --test cli` writes
//! the snapshots anew.

use crate::context::Context;

#[test]
fn help_texts() {
    let context = Context::new();
    for (name, arguments) in [
        ("short", &["-h"][..]),
        ("long", &["--help"]),
        ("run", &["run", "--help"]),
        ("chat", &["chat", "--help"]),
        ("status", &["status", "--help"]),
        ("channels_list", &["channels", "list", "--help"]),
        ("channels_add", &["channels", "add", "--help"]),
        ("channels_send", &["channels", "send", "--help"]),
        ("tts", &["tts", "--help"]),
        ("plugins", &["plugins", "--help"]),
        ("plugins_inspect", &["plugins", "inspect", "-h"]),
        ("config", &["config", "--help"]),
        ("new", &["new", "--help"]),
        ("completions", &["completions", "-h"]),
    ] {
        // Without plugins: their commands would be among the program's.
        let outcome = context.outcome(&mut context.command(arguments));
        insta::assert_snapshot!(name, outcome.data());
    }
}

#[test]
fn the_version_names_the_interface_plugins_are_built_against() {
    let context = Context::new();
    let version = format!("loader {} (plugin interface 1.0)\n", env!("CARGO_PKG_VERSION"));
    for flag in ["-V", "--version"] {
        assert_eq!(context.outcome(&mut context.command_alone(&[flag])).data(), version);
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let context = Context::new();
    for (arguments, expected) in [
        (&[][..], "Usage: loader"),
        (&["walk"], "unrecognized subcommand 'walk'"),
        (&["run", "--listen", "localhost"], "invalid value 'localhost' for '--listen <ADDR:PORT>'"),
        (&["plugins", "inspect"], "<ID>"),
        (&["config", "show", "--set", "gateway.listen"], "there is no `=`"),
        (&["config", "show", "-v", "-q"], "cannot be used with"),
    ] {
        let outcome = context.outcome(&mut context.command_alone(arguments));
        assert_eq!((outcome.code, &*outcome.stdout), (Some(2), ""), "{outcome}");
        assert!(outcome.stderr.contains(expected), "{outcome}");
    }
}
