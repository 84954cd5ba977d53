//! All the ways in which linkers, editors and copiers write.

use crate::desk::{Content, Desk, content, header, read};
use loader_core::watch::Options;
use std::{
    env,
    fs::{self, File, FileTimes, OpenOptions, Permissions},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant, SystemTime},
};

/// From the last write until the change is reported, for every writer.
const PROMPT: Duration = Duration::from_secs(1);

fn pause(milliseconds: u64) {
    sleep(Duration::from_millis(milliseconds));
}

/// Writes the whole file to another name in the folder and renames it.
fn rename_over(library: &Path, temporary: &str, bytes: &[u8]) {
    let temporary = library.with_file_name(temporary);
    fs::write(&temporary, bytes).unwrap();
    fs::rename(temporary, library).unwrap();
}

fn by_rename(library: &Path, bytes: &[u8]) {
    rename_over(library, ".new-libhello.so", bytes);
}

/// lld writes beside its output and renames.
fn by_lld(library: &Path, bytes: &[u8]) {
    rename_over(library, "libhello.so.tmp1a2b3c4", bytes);
}

/// cargo takes the name away and gives it to what the linker made elsewhere.
fn by_cargo(library: &Path, bytes: &[u8]) {
    let built = library.parent().unwrap().with_file_name("deps");
    fs::create_dir_all(&built).unwrap();
    let built = built.join("libhello-0123456789abcdef.so");
    let _ = fs::remove_file(&built);
    fs::write(&built, bytes).unwrap();
    fs::remove_file(library).unwrap();
    pause(50);
    fs::hard_link(built, library).unwrap();
}

fn in_place(library: &Path, bytes: &[u8]) {
    let mut file = File::create(library).unwrap();
    pause(150);
    let (one, other) = bytes.split_at(bytes.len() / 2);
    file.write_all(one).unwrap();
    pause(60);
    file.write_all(other).unwrap();
}

fn by_dribbling(library: &Path, bytes: &[u8]) {
    let mut file = File::create(library).unwrap();
    for chunk in bytes.chunks(1_024) {
        file.write_all(chunk).unwrap();
        pause(10);
    }
}

/// gold makes room for all of it, writes the end first and the beginning last.
fn backwards(library: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(library);
    let mut file = File::create(library).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (at, chunk) in bytes.chunks(16 * 1_024).enumerate().collect::<Vec<_>>().into_iter().rev() {
        pause(150);
        file.seek(SeekFrom::Start(at as u64 * 16 * 1_024)).unwrap();
        file.write_all(chunk).unwrap();
    }
}

/// vim renames the old one to a backup, writes anew, and removes the backup.
fn by_vim(library: &Path, bytes: &[u8]) {
    let (swap, backup) =
        (library.with_file_name(".libhello.so.swp"), library.with_extension("so~"));
    fs::write(&swap, "").unwrap();
    fs::rename(library, &backup).unwrap();
    pause(5);
    fs::write(library, bytes).unwrap();
    fs::remove_file(backup).unwrap();
    fs::remove_file(swap).unwrap();
}

/// emacs locks with a dangling link, backs up by copying, and writes in place.
fn by_emacs(library: &Path, bytes: &[u8]) {
    let lock = library.with_file_name(".#libhello.so");
    symlink("ada@host.1234:5678", &lock).unwrap();
    fs::copy(library, library.with_extension("so~")).unwrap();
    fs::write(library, bytes).unwrap();
    fs::remove_file(lock).unwrap();
}

/// A program of this system that copies a file.
fn by_program(library: &Path, bytes: &[u8], program: &str, arguments: &[&str]) {
    let source = library.parent().unwrap().with_file_name("source");
    fs::write(&source, bytes).unwrap();
    let status = Command::new(program).args(arguments).args([&source, library]).status().unwrap();
    assert!(status.success());
}

fn by_cp(library: &Path, bytes: &[u8]) {
    by_program(library, bytes, "cp", &[]);
}

fn by_install(library: &Path, bytes: &[u8]) {
    by_program(library, bytes, "install", &["-m", "755"]);
}

/// rsync writes to a hidden name, gives it the source's time, and renames.
fn by_rsync(library: &Path, bytes: &[u8]) {
    let temporary = library.with_file_name(".libhello.so.Ab3dEf");
    let mut file = File::create(&temporary).unwrap();
    file.write_all(bytes).unwrap();
    let then = SystemTime::now() - Duration::from_secs(3_600);
    file.set_times(FileTimes::new().set_modified(then)).unwrap();
    fs::rename(temporary, library).unwrap();
}

/// The whole folder is exchanged.
fn by_folder(library: &Path, bytes: &[u8]) {
    let plugin = library.parent().unwrap();
    let (old, new) = (plugin.with_file_name(".old"), plugin.with_file_name(".new"));
    let _ = fs::remove_dir_all(&old);
    fs::create_dir(&new).unwrap();
    fs::copy(plugin.join("plugin.toml"), new.join("plugin.toml")).unwrap();
    fs::write(new.join("libhello.so"), bytes).unwrap();
    fs::rename(plugin, old).unwrap();
    pause(20);
    fs::rename(new, plugin).unwrap();
}

type Writer = fn(&Path, &[u8]);

const WRITERS: [(&str, Writer); 12] = [
    ("rename", by_rename),
    ("lld", by_lld),
    ("cargo", by_cargo),
    ("in place", in_place),
    ("dribble", by_dribbling),
    ("backwards", backwards),
    ("vim", by_vim),
    ("emacs", by_emacs),
    ("cp", by_cp),
    ("install", by_install),
    ("rsync", by_rsync),
    ("folder", by_folder),
];

/// How often something is written in each test: as often as `LOADER_TEST_WRITES` says, or every
/// writer twice, so that each follows itself and another one.
fn writes() -> usize {
    let wanted = env::var("LOADER_TEST_WRITES").ok().map(|text| text.parse().unwrap());
    wanted.unwrap_or(WRITERS.len() * 2)
}

/// Lets the writers take turns, and reads at every report.
async fn every_writer_is_kept_up_with(options: Options, prompt: Duration) {
    let desk = Desk::new(options).await;
    let mut serial = 0;
    let mut latest = Duration::ZERO;
    let writers = WRITERS.into_iter().flat_map(|writer| [writer, writer]).cycle();
    for (name, write) in writers.take(writes()) {
        serial += 1;
        let library = desk.library.clone();
        let run = move || write(&library, &content(serial));
        let (found, late) = desk.keep_up(Content::Whole(serial), run).await;
        let honest = [Content::Whole(serial - 1), Content::Whole(serial)];
        assert!(found.iter().all(|found| honest.contains(found)), "{name}: {found:?}");
        assert!(late <= prompt, "{name}: {late:?} after the last write");
        latest = latest.max(late);
    }
    println!("{serial} writes, each reported whole, at the latest {latest:?} after the last byte");
}

#[tokio::test]
async fn whoever_writes_it_is_whole_when_it_is_reported() {
    every_writer_is_kept_up_with(Options::default(), PROMPT).await;
}

#[tokio::test]
async fn the_same_holds_where_the_system_tells_nothing() {
    let poll = Duration::from_millis(100);
    let options = Options { poll, poll_only: true, ..Options::default() };
    every_writer_is_kept_up_with(options, poll + PROMPT).await;
}

#[tokio::test]
async fn times_and_modes_are_changes_too() {
    let desk = Desk::new(Options::default()).await;
    File::open(&desk.library)
        .unwrap()
        .set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH))
        .unwrap();
    desk.wait_for(&desk.plugin).await;
    fs::set_permissions(&desk.library, Permissions::from_mode(0o700)).unwrap();
    desk.wait_for(&desk.plugin).await;
    assert_eq!(read(&desk.library), Content::Whole(0));
}

#[tokio::test]
async fn a_library_whose_writer_pauses_is_reported_when_its_tables_are_there() {
    let desk = Desk::new(Options::default()).await;
    let library = desk.library.clone();
    let writer = tokio::task::spawn_blocking(move || {
        fs::write(&library, header(1_000)).unwrap();
        for _ in 0..3 {
            // Longer than any file at rest would need.
            pause(400);
            OpenOptions::new().append(true).open(&library).unwrap().write_all(&[1; 312]).unwrap();
        }
    });
    desk.wait_for(&desk.plugin).await;
    assert_eq!(fs::metadata(&desk.library).unwrap().len(), 1_000);
    writer.await.unwrap();
}

#[tokio::test]
async fn a_removed_file_is_reported_after_a_while() {
    let desk = Desk::new(Options::default()).await;
    let start = Instant::now();
    let library = desk.library.clone();
    desk.keep_up(Content::Missing, move || fs::remove_file(library).unwrap()).await;
    assert!(start.elapsed() >= Duration::from_millis(500), "{:?}", start.elapsed());
}

#[tokio::test]
async fn what_is_renamed_into_place_is_reported_at_once() {
    let desk = Desk::new(Options::default()).await;
    let mut times = Vec::new();
    for serial in 1..=50 {
        let library = desk.library.clone();
        let write = move || by_rename(&library, &content(serial));
        times.push(desk.keep_up(Content::Whole(serial), write).await.1);
    }
    times.sort();
    // Nothing but a busy machine stands between the twenty milliseconds of rest and the report.
    assert!(times[25] <= Duration::from_millis(50), "{times:?}");
}
