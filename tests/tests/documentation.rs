//! The documentation against the tree: every error code has its page, every link leads somewhere, and the
//! recipe for a kind of capability is the one that the kind in it was made by.

use integration_tests::build;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Every file below a folder with this extension, apart from what is built.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let (path, name) = (entry.path(), entry.file_name());
            match entry.file_type().expect("its type") {
                kind if kind.is_dir() && name != "target" && name != ".git" => folders.push(path),
                kind if kind.is_file() && path.extension().is_some_and(|is| is == extension) => {
                    found.push(path);
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The error codes that the product's sources name, with one file that does.
fn codes_in_sources() -> BTreeMap<String, PathBuf> {
    let mut codes = BTreeMap::new();
    for folder in ["abi", "core", "loader", "plugins"] {
        for path in files(&build::repository().join(folder), "rs") {
            let is_test = path.iter().any(|part| part == "tests" || part == "tests.rs");
            let text = if is_test { String::new() } else { read(&path) };
            // A file's own tests stand at its end.
            let product = text.split("\n#[cfg(test)]").next().unwrap_or_default();
            for literal in product.split('"').filter(|literal| is_code(literal)) {
                codes.insert(literal.to_owned(), path.clone());
            }
        }
    }
    codes
}

fn is_code(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    text.strip_prefix("LDR-").is_some_and(|rest| rest.split('-').all(is_word))
}

/// The page of a code: its family's, or `PROGRAM.md` for a code without a family.
fn page_of(code: &str) -> String {
    let mut words = code.split('-').skip(1);
    match (words.next(), words.next()) {
        (Some(family), Some(_)) => format!("{family}.md"),
        _ => "PROGRAM.md".to_owned(),
    }
}

fn pages() -> PathBuf {
    build::repository().join("docs/errors")
}

/// The entries of all pages: code, page, and what stands below the heading.
fn entries() -> Vec<(String, String, String)> {
    let mut entries = Vec::new();
    for path in files(&pages(), "md") {
        let page = path.file_name().expect("a name").to_string_lossy().into_owned();
        for section in read(&path).split("\n## ").skip(1) {
            let (heading, text) = section.split_once('\n').unwrap_or((section, ""));
            if heading.starts_with("LDR-") {
                entries.push((heading.to_owned(), page.clone(), text.to_owned()));
            }
        }
    }
    entries
}

#[test]
fn every_error_code_has_an_entry_and_every_entry_a_code() {
    let codes = codes_in_sources();
    let entries: Vec<String> = entries().into_iter().map(|(code, ..)| code).collect();
    let documented: BTreeSet<&String> = entries.iter().collect();
    assert_eq!(documented.len(), entries.len(), "a code has two entries");
    let missing: Vec<_> = codes.iter().filter(|(code, _)| !documented.contains(code)).collect();
    assert!(missing.is_empty(), "without an entry `## CODE` in docs/errors: {missing:#?}");
    let gone: Vec<_> = documented.into_iter().filter(|code| !codes.contains_key(*code)).collect();
    assert!(gone.is_empty(), "in docs/errors, but in no source: {gone:#?}");
}

#[test]
fn an_entry_is_where_its_code_says_and_shows_what_to_do() {
    let index = read(&pages().join("README.md"));
    for (code, page, text) in entries() {
        assert_eq!(page, page_of(&code), "{code}");
        let link = format!("[`{code}`]({page}#{})", code.to_lowercase());
        assert!(index.contains(&link), "docs/errors/README.md has no `{link}`");
        assert!(text.contains("```text\n"), "{code} has no example");
        assert!(text.contains("**Do:**"), "{code} does not say what to do");
    }
}

/// A page's lines outside of fences, between which code may look like anything.
fn prose(text: &str) -> Vec<&str> {
    let mut fenced = false;
    let is_prose = |line: &&str| {
        let is_fence = line.trim_start().starts_with("```");
        fenced ^= is_fence;
        !fenced && !is_fence
    };
    text.lines().filter(is_prose).collect()
}

/// Where a page's links lead.
fn links(text: &str) -> Vec<String> {
    let lines = prose(text).into_iter();
    let lines = lines.map(|line| line.split('`').step_by(2).collect::<String>());
    let links = lines.flat_map(|line| {
        let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        targets.map(|(target, _)| target.to_owned()).collect::<Vec<_>>()
    });
    links.collect()
}

/// The anchors of a page's headings, as they are made for a page on the web.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = prose(text).into_iter().filter(|line| line.starts_with('#'));
    let headings = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let anchors = headings.map(|heading| {
        let kept = heading.chars().filter(|each| each.is_alphanumeric() || " -_".contains(*each));
        kept.map(|each| if each == ' ' { '-' } else { each }).collect()
    });
    anchors.collect()
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_exist() {
    let mut dead = Vec::new();
    let mut followed = 0;
    for page in files(&build::repository(), "md") {
        let text = read(&page);
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => page.clone(),
                path => page.parent().expect("a folder").join(path),
            };
            let leads =
                target.exists() && (anchor.is_empty() || anchors(&read(&target)).contains(anchor));
            if !leads {
                dead.push(format!("{}: {link}", page.display()));
            }
            followed += 1;
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
    assert!(followed > 100, "only {followed} links were found");
}

#[test]
fn the_excerpts_in_the_guide_to_reloads_are_from_the_plugin() {
    let guide = read(&build::repository().join("docs/guides/surviving-a-reload.md"));
    let sources = files(&build::repository().join("plugins/irc/src"), "rs");
    let sources: String = sources.iter().map(|path| read(path)).collect();
    let lines: BTreeSet<&str> = sources.lines().map(str::trim).collect();
    let excerpts = guide.split("```rust,ignore\n").skip(1);
    let excerpts = excerpts.flat_map(|rest| rest.split("```").next().unwrap_or_default().lines());
    let mut found = 0;
    for line in excerpts {
        // Remarks are the guide's own, and stand behind the code.
        let code = line.split("  //").next().unwrap_or_default().trim();
        assert!(code.contains('…') || lines.contains(code), "not in plugins/irc: {line}");
        found += 1;
    }
    assert!(found > 30, "only {found} lines were found");
}

/// The guide to a new kind of capability, whose example is `web-fetch/1`.
fn recipe() -> String {
    read(&build::repository().join("docs/guides/adding-a-capability.md"))
}

/// What stands between these two, which are there.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before:?}"));
    rest.split_once(after).unwrap_or_else(|| panic!("no {after:?} behind {before:?}")).0
}

/// The hunks of the recipe's diff: the file, and the lines that are in it afterwards.
fn hunks(recipe: &str) -> Vec<(&str, Vec<&str>)> {
    let mut hunks: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut file = "";
    for line in between(recipe, "````diff\n", "````").lines() {
        if let Some(named) = line.strip_prefix("+++ b/") {
            file = named;
        } else if line == "@@" {
            hunks.push((file, Vec::new()));
        } else if let Some(there) = line.strip_prefix(['+', ' ']) {
            hunks.last_mut().expect("a hunk").1.push(there);
        }
    }
    hunks
}

#[test]
fn the_lines_of_the_recipe_are_in_the_files_it_names() {
    let recipe = recipe();
    let hunks = hunks(&recipe);
    assert!(hunks.len() > 40, "only {} hunks were found", hunks.len());
    let mut missing = Vec::new();
    for (file, lines) in hunks {
        let text = read(&build::repository().join(file));
        // In their order; what was added between them since is not the recipe's.
        let mut there = text.lines();
        for line in lines {
            if !there.any(|one| one == line) {
                missing.push(format!("{file}: {line}"));
                break;
            }
        }
    }
    assert!(missing.is_empty(), "correct docs/guides/adding-a-capability.md: {missing:#?}");
}

#[test]
fn the_recipe_names_every_file_that_tells_of_its_kind() {
    let recipe = recipe();
    let generated = between(&recipe, "Generated, and committed", "```sh");
    let generated = generated.replace("<kind>", "web-fetch");
    let own = between(&recipe, "New files:\n", "\nAnd every line");
    let named = |text: &str| -> BTreeSet<String> {
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let (generated, own) = (named(&generated), named(own));
    let hunks = hunks(&recipe);
    let changed: BTreeSet<&str> = hunks.iter().map(|(file, _)| *file).collect();
    let is_named = |path: &str| {
        let is_own = |one: &String| path == one || one.ends_with('/') && path.starts_with(one);
        changed.contains(path) || generated.contains(path) || own.iter().any(is_own)
    };
    // The guide itself, and what asks whether it tells the truth.
    let others = ["docs/guides/adding-a-capability.md", "tests/tests/documentation.rs"];
    let mut told = 0;
    let mut unnamed = Vec::new();
    for extension in ["rs", "md", "toml", "json", "lock", "snap"] {
        for path in files(&build::repository(), extension) {
            let path = path.strip_prefix(build::repository()).expect("it is in the repository");
            let path = path.to_str().expect("UTF-8");
            let text = read(&build::repository().join(path)).to_lowercase();
            let tells = ["web-fetch", "web_fetch", "webfetch"].iter().any(|it| text.contains(it));
            if tells && !others.contains(&path) {
                told += 1;
                unnamed.extend((!is_named(path)).then(|| path.to_owned()));
            }
        }
    }
    assert!(told > 40, "only {told} files tell of it");
    assert!(unnamed.is_empty(), "not in docs/guides/adding-a-capability.md: {unnamed:#?}");
    for one in own.iter().filter(|one| one.contains('/') && !one.contains('…')) {
        assert!(build::repository().join(one).exists(), "it is gone: {one}");
    }
}
