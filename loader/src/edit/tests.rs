use super::*;

fn edit(text: &str) -> Edit {
    Edit { path: "loader.toml".into(), document: text.parse().expect("TOML") }
}

fn settings(text: &str) -> toml::Table {
    toml::from_str(text).expect("settings")
}

/// What a text says, whatever its form.
fn said(text: &str) -> toml::Table {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn an_account_is_added_and_everything_else_stays() {
    let before = "# mine\n[models]\ndefault = \"a/b\" # the best\n\n[channels.irc.accounts.one]\n\
                  # of old\nnick = 'x'\n\n[log]\n# quiet\nfilter = \"error\"\n# the end\n";
    let mut changed = edit(before);
    let two = settings("nick = \"y\"\nports = [1, 2]\nsasl = { password = \"secret:s\" }\n");
    changed.add_account("irc", "two", &two).expect("it is added");
    let text = changed.text();
    let added = "\n[channels.irc.accounts.two]\nnick = \"y\"\nports = [1, 2]\n\
                 sasl = { password = \"secret:s\" }\n";
    assert!(text.contains(added), "{text}");
    assert_eq!(text.replace(added, ""), before, "{text}");
    assert!(changed.has_account("irc", "two") && !changed.has_account("irc", "three"));
    assert!(changed.remove_account("irc", "two") && !changed.remove_account("irc", "two"));
    assert_eq!(changed.text(), before);
}

#[test]
fn every_way_to_write_a_table_can_be_added_to() {
    for before in [
        "",
        "channels = { irc = { accounts = { one = { nick = \"x\" } } } }\n",
        "channels.irc.accounts.one.nick = \"x\"\n[log]\nfilter = \"x\"\n",
        "[channels]\nirc = { accounts = {} }\n",
        "[channels.irc]\n",
        "[channels.irc.accounts]\none = { nick = \"x\" }\n",
    ] {
        let mut changed = edit(before);
        changed.add_account("irc", "a b", &settings("nick = \"y\"")).expect(before);
        let mut wanted = said(before);
        let mut table = &mut wanted;
        for key in ["channels", "irc", "accounts", "a b"] {
            let below = table.entry(key).or_insert_with(|| toml::Table::new().into());
            table = below.as_table_mut().expect("a table");
        }
        table.insert("nick".into(), "y".into());
        assert_eq!(said(&changed.text()), wanted, "{before}\n{}", changed.text());
    }
    let refused =
        edit("channels = 1\n").add_account("irc", "a", &settings("")).expect_err("no table");
    assert_eq!(refused.code, "LDR-SETUP-FILE");
}

#[test]
fn only_the_named_keys_are_moved_and_their_comments_go_along() {
    let before = "# channels\n[channels.irc]\n# who we are\nnick = \"x\" # short\nfoo = 1\n\
                  host = \"h\"\n\n[channels.irc.sasl]\npassword = \"secret:s\"\n\n[log]\n# quiet\n\
                  filter = \"error\"\n";
    let mut changed = edit(before);
    assert_eq!(
        changed.stray_keys(),
        [("irc".to_owned(), ["nick", "foo", "host", "sasl"].map(str::to_owned).to_vec())]
    );
    let keys = ["nick", "host", "sasl"].map(str::to_owned);
    assert_eq!(changed.promote("irc", "default", &keys).expect("moved"), keys);
    let text = changed.text();
    let wanted = said(
        "[channels.irc]\nfoo = 1\n[channels.irc.accounts.default]\nnick = \"x\"\nhost = \"h\"\n\
         sasl = { password = \"secret:s\" }\n[log]\nfilter = \"error\"\n",
    );
    assert_eq!(said(&text), wanted, "{text}");
    for kept in
        ["# channels\n[channels.irc]\n", "# who we are\nnick = \"x\" # short\n", "# quiet\n"]
    {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert_eq!(changed.promote("irc", "default", &keys).expect("nothing"), Vec::<String>::new());
    assert_eq!(changed.text(), text);
}

#[test]
fn what_an_account_has_is_not_overwritten() {
    let before = "[channels.irc]\nnick = \"x\"\nhost = \"h\"\n[channels.irc.accounts.default]\n\
                  nick = \"y\"\n";
    let mut changed = edit(before);
    let keys = ["nick", "host"].map(str::to_owned);
    assert_eq!(changed.promote("irc", "default", &keys).expect("moved"), ["host"]);
    let wanted = said(
        "[channels.irc]\nnick = \"x\"\n[channels.irc.accounts.default]\nnick = \"y\"\nhost = \"h\"\n",
    );
    assert_eq!(said(&changed.text()), wanted);
}

#[test]
fn a_file_keeps_its_mode_and_its_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let (real, link) = (folder.path().join("real.toml"), folder.path().join("link.toml"));
    let mode = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o777;
    for wanted in [0o600, 0o640, 0o644] {
        fs::write(&real, "[log]\n").expect("written");
        fs::set_permissions(&real, Permissions::from_mode(wanted)).expect("ours");
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink(&real, &link).expect("a link");
        let mut changed = Edit::open(&link).expect("it can be read");
        changed.add_account("irc", "a", &settings("nick = \"x\"")).expect("added");
        changed.save().expect("saved");
        assert_eq!(mode(&real), wanted);
        assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
        assert!(fs::read_to_string(&real).expect("text").contains("[channels.irc.accounts.a]"));
    }
    let fresh = folder.path().join("deep/er/loader.toml");
    let mut made = Edit::open(&fresh).expect("nothing is there");
    made.add_account("irc", "a", &settings("nick = \"x\"")).expect("added");
    made.save().expect("saved");
    assert_eq!((mode(&fresh), mode(fresh.parent().expect("a folder"))), (0o600, 0o700));
}
