//! Which files are read, and what happens to those that cannot be.

use super::*;

#[test]
fn the_usual_places_follow_the_environment() {
    let user = |variables: &[(&str, &str)]| {
        let environment =
            variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Sources::standard("/work".into(), environment).user
    };
    let path = |path: &str| Some(PathBuf::from(path));
    assert_eq!(user(&[]), None);
    assert_eq!(user(&[("HOME", "/h")]), path("/h/.config/loader/loader.toml"));
    let both = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")];
    assert_eq!(user(&both), path("/x/loader/loader.toml"));
    // A relative or empty folder is none, as the XDG specification says.
    let relative = [("HOME", "/h"), ("XDG_CONFIG_HOME", "x")];
    assert_eq!(user(&relative), path("/h/.config/loader/loader.toml"));
    assert_eq!(user(&[("HOME", "")]), None);
    let sources = Sources::standard("/work".into(), Environment::new());
    assert_eq!(sources.system, Path::new("/etc/loader/loader.toml"));
}

#[test]
fn the_files_that_were_read_are_listed() {
    let machine = Machine::new().user("").project("");
    let file = |layer, path| ConfigFile { layer, path, named_by: None };
    assert_eq!(
        machine.resolve().files,
        [file(Layer::User, machine.user_file()), file(Layer::Project, machine.project_file())]
    );
}

#[test]
fn a_named_file_takes_the_place_of_the_projects() {
    let machine = Machine::new().project("log.filter = 'project'").named("");
    let resolved = machine.resolve();
    assert_eq!(resolved.config.log.filter, "info");
    assert_eq!(resolved.files.len(), 1);
}

#[test]
fn a_named_file_may_be_relative_to_the_working_directory() {
    let mut machine = Machine::new().project("log.filter = 'x'\nplugins.allow = ['a']");
    machine.sources.named = Some("loader.toml".into());
    let resolved = machine.resolve();
    assert_eq!(resolved.config.plugins.allow, ["a"]);
    assert_eq!(layer(&resolved, "log.filter"), Layer::Named);
    assert_eq!(
        resolved.origin("log.filter").and_then(|origin| origin.file.clone()),
        Some(machine.project_file())
    );
}

#[test]
fn a_file_that_a_variable_names_takes_the_place_of_the_projects_but_is_trusted_no_more() {
    let mut machine = Machine::new().project("log.filter = 'project'\nmodels.default = 'a/b'");
    let file = machine.root.join("variable.toml");
    write(&file, b"log.filter = 'variable'\nplugins.load_paths = ['/code']");
    machine.sources.named_by_variable = Some(file);
    let resolved = machine.resolve();
    assert_eq!(resolved.config.log.filter, "variable");
    assert_eq!(resolved.config.models.default, "echo/echo");
    assert!(resolved.config.plugins.load_paths.is_empty());
    assert_eq!(resolved.warnings[0].code, "LDR-CFG-UNTRUSTED");
    // The command line names a file over it.
    let machine = machine.named("log.filter = 'flag'");
    let resolved = machine.resolve();
    assert_eq!(resolved.config.log.filter, "flag");
    assert!(resolved.warnings.is_empty());
}

#[test]
fn the_variable_is_part_of_the_environment() {
    let environment = |value: &str| Environment::from([("LOADER_CONFIG".into(), value.into())]);
    let named = |value| Sources::standard("/work".into(), environment(value)).named_by_variable;
    assert_eq!(named("x.toml"), Some("x.toml".into()));
    assert_eq!(named(""), None);
}

#[test]
fn a_file_that_a_variable_names_must_exist() {
    let mut machine = Machine::new();
    machine.sources.named_by_variable = Some("missing.toml".into());
    let problems = machine.problems();
    let file = machine.sources.working_directory.join("missing.toml");
    assert_eq!((problems[0].code, problems[0].file.as_ref()), ("LDR-CFG-FILE", Some(&file)));
    assert_eq!(
        problems[0].hint.as_deref(),
        Some("let `LOADER_CONFIG` name a file that can be read")
    );
}

#[test]
fn a_named_file_must_exist() {
    let mut machine = Machine::new();
    let file = machine.root.join("missing.toml");
    machine.sources.named = Some(file.clone());
    let problems = machine.problems();
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].code, problems[0].file.as_ref()), ("LDR-CFG-FILE", Some(&file)));
}

#[test]
fn the_users_own_folder_is_not_a_project() {
    let mut machine = Machine::new().user("plugins.allow = ['a']");
    machine.sources.working_directory = machine.root.join("home/.config/loader");
    let resolved = machine.resolve();
    assert_eq!(resolved.config.plugins.allow, ["a"]);
    assert!(resolved.warnings.is_empty());
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_not_a_gap() {
    let machine = Machine::new();
    std::fs::create_dir_all(machine.user_file()).expect("a folder in place of the file");
    let problems = machine.problems();
    assert_eq!(problems[0].code, "LDR-CFG-FILE");
    assert_eq!(problems[0].file, Some(machine.user_file()));
    assert!(problems[0].message.contains("not a regular file"));
}

#[test]
fn a_file_that_is_not_utf8_is_an_error_with_its_place() {
    let machine = Machine::new();
    write(&machine.user_file(), b"[log]\n# \xc3\xa9\xff\n");
    assert_eq!(places(&machine.problems()), [("LDR-CFG-FILE", 2, 4)]);
}

#[test]
fn a_file_without_end_is_refused() {
    let machine = Machine::new().project(&"#\n".repeat(600_000));
    let problems = machine.problems();
    assert!(problems[0].message.contains("larger than 1048576 bytes"), "{}", problems[0]);
}
