//! The list of promises in the documentation is the list in the code.

use loader_contract::catalogue;
use loader_testkit::suite;
use std::{collections::BTreeSet, fs};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/promises.md");

fn page() -> String {
    let mut page = String::from(
        "# What a plugin promises\n\n\
         What `loader plugins test` asks for. The names stay the same; each is a case of the report. How to use it is in\n\
         [test a plugin](../guides/testing-plugins.md). A test keeps this page the same as the code.\n",
    );
    let mut whose = "";
    for (owner, name, about) in suite::promises() {
        if owner != whose {
            let heading = match owner {
                "plugin" => "Every plugin".to_owned(),
                "every" => "Every capability".to_owned(),
                contract => format!("`{contract}`"),
            };
            page.push_str(&format!("\n## {heading}\n\n| promise | |\n| --- | --- |\n"));
            whose = owner;
        }
        page.push_str(&format!("| `{name}` | {about} |\n"));
    }
    page
}

#[test]
fn the_page_lists_every_promise() {
    if std::env::var_os("LOADER_PROMISES_ACCEPT").is_some() {
        fs::write(PAGE, page()).expect("the page");
    }
    assert_eq!(fs::read_to_string(PAGE).expect("the page"), page());
}

#[test]
fn every_contract_has_a_chapter_and_every_promise_a_name_of_its_own() {
    let promises = suite::promises();
    for contract in catalogue::ALL {
        assert!(promises.iter().any(|(whose, ..)| *whose == contract.name), "{}", contract.name);
    }
    let names: BTreeSet<_> = promises.iter().map(|(whose, name, _)| (whose, name)).collect();
    assert_eq!(names.len(), promises.len());
    let general = promises.iter().filter(|(whose, ..)| *whose == "every");
    let general: BTreeSet<&str> = general.map(|(_, name, _)| *name).collect();
    for (whose, name, about) in &promises {
        assert!(about.ends_with('.'), "{whose} {name}");
        // What is said of a plugin is told apart by its group.
        let is_general = ["every", suite::PLUGIN].contains(whose);
        assert!(is_general || !general.contains(name), "{whose} {name}");
    }
}
