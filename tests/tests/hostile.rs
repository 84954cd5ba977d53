//! Nothing unsafe runs: every hostile folder is refused for its own reason by every part of the product
//! that looks at plugins, and nothing of it runs; honest ones are loaded; hints mend what they say.

use integration_tests::hostile::{
    self, Case, Ground, Mending, SURFACES, Seen, Surface, UNFRIENDLY, cases, controls, is_root,
    possible,
};
use std::process::Command;

fn spoilt(case: &Case) -> Ground {
    let mut ground = Ground::new();
    (case.spoil)(&mut ground);
    ground
}

/// Fails unless the plugin was refused with the case's code and nothing ran.
fn expect_refusal(case: &Case, surface: &str, ground: &Ground, seen: &Seen) -> Result<(), String> {
    let songs = ground.songs();
    let codes: Vec<&str> = seen.codes.iter().map(String::as_str).collect();
    if seen.accepted || codes != [case.code] || !songs.is_empty() {
        let wanted = case.code;
        return Err(format!("{surface}: {}: wanted {wanted}, {seen:?}, ran {songs:?}", case.name));
    }
    Ok(())
}

fn refused_by(surface: &Surface) {
    let mut cases = possible(cases());
    cases.retain(|case| !surface.unconcerned.contains(&case.name));
    let failures: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let ground = spoilt(case);
            let seen = (surface.look)(&ground, &[]);
            expect_refusal(case, surface.name, &ground, &seen).err()
        })
        .collect();
    assert!(failures.is_empty(), "{} of {}: {failures:#?}", failures.len(), cases.len());
    let (name, all) = (surface.name, cases.len());
    println!("{name}: {all} of {all} hostile folders refused, each with its own code; 0 canaries");
    assert!(!is_root() || all >= 60);
}

#[test]
fn run_refuses_every_hostile_folder() {
    refused_by(&SURFACES[0]);
}

#[test]
fn list_refuses_every_hostile_folder() {
    refused_by(&SURFACES[1]);
}

#[test]
fn inspect_refuses_every_hostile_folder() {
    refused_by(&SURFACES[2]);
}

#[test]
fn doctor_refuses_every_hostile_folder() {
    refused_by(&SURFACES[3]);
}

#[test]
fn install_refuses_every_hostile_folder() {
    refused_by(&SURFACES[4]);
}

#[test]
fn honest_folders_are_accepted_and_their_plugins_run() {
    let controls = possible(controls());
    for control in &controls {
        let ground = spoilt(control);
        for surface in &SURFACES {
            if surface.unconcerned.contains(&control.name) {
                continue;
            }
            let seen = (surface.look)(&ground, &[]);
            assert!(seen.accepted, "{}: {}: {seen:?}", surface.name, control.name);
            let songs = ground.songs();
            // The canaries live: what is silent above was silenced.
            let wanted: &[&str] = match surface.name {
                // Installing tries the library in a process of its own.
                "run" | "plugins install" => {
                    &["canary-constructor", "canary-needed", "canary-resolver"]
                }
                _ => &[],
            };
            assert_eq!(songs, wanted, "{}: {}", surface.name, control.name);
        }
    }
    let all = controls.len();
    println!("{all} of {all} honest folders accepted; their plugins ran under `run` alone");
    assert!(all >= 10);
}

#[test]
fn a_bundle_is_accepted_and_the_library_beside_it_is_never_opened() {
    let ground = Ground::new();
    ground.make_bundle();
    for surface in &SURFACES {
        let seen = (surface.look)(&ground, &[]);
        assert!(seen.accepted && seen.hints.is_empty(), "{}: {seen:?}", surface.name);
        assert_eq!(ground.songs(), [""; 0], "{}", surface.name);
    }
}

#[test]
fn a_hint_that_is_a_command_mends_the_folder() {
    let cases = possible(cases());
    let (mut mended, mut others) = (0, std::collections::BTreeMap::<&str, usize>::new());
    for case in &cases {
        if let Mending::Impossible(why) = case.mending {
            *others.entry(why).or_default() += 1;
            continue;
        }
        let ground = spoilt(case);
        let look = |surface: &Surface| (surface.look)(&ground, &[]);
        let seen = look(&SURFACES[1]);
        // Several files can have the same defect: each look tells one command for each code.
        for hint in &seen.hints {
            let mut shell = Command::new("sh");
            let status = shell.args(["-c", hint]).current_dir(ground.cage()).status();
            assert!(status.expect("sh").success(), "{}: {hint}", case.name);
        }
        for surface in &SURFACES {
            let after = look(surface);
            assert!(after.accepted, "{}: {}: {:?}: {after:?}", surface.name, case.name, seen.hints);
        }
        mended += 1;
    }
    println!("{mended} of {mended} folders mended by the printed command");
    for (why, count) in others {
        println!("{count} have no such command: {why}");
    }
}

/// A kernel without `openat2`, and a filter of system calls that does not know it.
#[test]
fn without_openat2_the_verdicts_are_the_same() {
    if Command::new("strace").arg("-V").output().is_err() {
        return hostile::not_run("a kernel without openat2: apt-get install strace");
    }
    let list = &SURFACES[1];
    let cases = possible(cases());
    for error in ["ENOSYS", "EPERM"] {
        let inject = format!("inject=openat2:error={error}");
        let wrapper = ["strace", "-f", "-o", "/dev/null", "-e", "trace=openat2", "-e", &inject];
        let without = |ground: &mut Ground| ground.wrapper = wrapper.map(str::to_owned).to_vec();
        let mut sound = Ground::new();
        without(&mut sound);
        assert!((list.look)(&sound, &[]).accepted, "{error}");
        for case in &cases {
            let mut ground = spoilt(case);
            without(&mut ground);
            let seen = (list.look)(&ground, &[]);
            let refusal = expect_refusal(case, list.name, &ground, &seen);
            refusal.unwrap_or_else(|failure| panic!("{error}: {failure}"));
        }
    }
}

#[test]
fn no_variable_changes_a_verdict() {
    let list = &SURFACES[1];
    let (cases, controls) = (possible(cases()), possible(controls()));
    let every = std::env::var("LOADER_TEST_VARIABLES").is_ok_and(|wanted| wanted == "all");
    let mut looks = 0;
    for (number, case) in cases.iter().enumerate() {
        let ground = spoilt(case);
        // All at once everywhere; one by one on every folder, or each on its turn.
        let alone = |at: usize| every || at == number % UNFRIENDLY.len();
        let alone = (0..UNFRIENDLY.len()).filter(|at| alone(*at)).map(|at| &UNFRIENDLY[at..=at]);
        for variables in alone.chain([&UNFRIENDLY[..]]) {
            let seen = (list.look)(&ground, variables);
            if let Err(failure) = expect_refusal(case, list.name, &ground, &seen) {
                panic!("{variables:?}: {failure}");
            }
            looks += 1;
        }
        for surface in &SURFACES {
            if surface.unconcerned.contains(&case.name) {
                continue;
            }
            let seen = (surface.look)(&ground, &UNFRIENDLY);
            let refusal = expect_refusal(case, surface.name, &ground, &seen);
            refusal.unwrap_or_else(|failure| panic!("every variable: {failure}"));
            looks += 1;
        }
    }
    for control in &controls {
        let ground = spoilt(control);
        let seen = (list.look)(&ground, &UNFRIENDLY);
        assert!(seen.accepted && ground.songs().is_empty(), "{}: {seen:?}", control.name);
        looks += 1;
    }
    let (variables, folders) = (UNFRIENDLY.len(), cases.len() + controls.len());
    println!("{variables} variables over {folders} folders, {looks} looks: 0 changed verdicts");
    assert!(variables >= 40);
}
