//! Swaps good and evil under a plugin's path, as fast as it can, until it is killed:
//!
//! ```text
//! swapper FOLDER
//! ```
//!
//! `FOLDER/good` is kept at `FOLDER/live`, and `FOLDER/evil` takes its place for moments: at every
//! component of the path to the library, by renaming, by symbolic links, by hard links and by writing
//! over the file. In between, good is there for long enough to be loaded a few times. Each line of output
//! is one round.

use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::{
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The components of the path to the library, below `live`.
const COMPONENTS: [&str; 4] =
    ["above", "above/plugins", "above/plugins/canary", "above/plugins/canary/libcanary.so"];

fn main() {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("a folder"));
    let swap =
        Swap { live: folder.join("live"), evil: folder.join("evil"), aside: folder.join("aside") };
    let good = fs::read(swap.live.join(COMPONENTS[3])).expect("the good library");
    let flawed = fs::read(folder.join("flawed.so")).expect("the flawed library");
    let mut seed = 1u64;
    for round in 1u64.. {
        for component in COMPONENTS {
            swap.rename(component, moment(&mut seed));
            swap.link(component, moment(&mut seed));
        }
        swap.hard_link(moment(&mut seed));
        swap.overwrite(&flawed, &good, moment(&mut seed));
        let _ = writeln!(std::io::stdout(), "{round}");
    }
}

/// Up to half a millisecond, never the same twice.
fn moment(seed: &mut u64) -> Duration {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    Duration::from_micros(*seed % 500)
}

struct Swap {
    live: PathBuf,
    evil: PathBuf,
    aside: PathBuf,
}

impl Swap {
    /// Lets evil be there for a moment, and good for a longer one.
    fn dwell(&self, moment: Duration, back: impl FnOnce()) {
        thread::sleep(moment);
        back();
        thread::sleep(moment * 8 + Duration::from_millis(2));
    }

    fn rename(&self, component: &str, moment: Duration) {
        let (live, evil) = (self.live.join(component), self.evil.join(component));
        exchange(&live, &evil);
        self.dwell(moment, || exchange(&live, &evil));
    }

    fn link(&self, component: &str, moment: Duration) {
        let live = self.live.join(component);
        // Where the link leads, the file itself has the right owner.
        let target = match component.ends_with(".so") {
            true => "linked.so",
            false => component,
        };
        symlink(self.evil.join(target), &self.aside).expect("a link");
        exchange(&live, &self.aside);
        self.dwell(moment, || exchange(&live, &self.aside));
        fs::remove_file(&self.aside).expect("the link is gone");
    }

    /// Evil that belongs to the right user, under a second name.
    fn hard_link(&self, moment: Duration) {
        let live = self.live.join(COMPONENTS[3]);
        fs::hard_link(self.evil.join("linked.so"), &self.aside).expect("a link");
        exchange(&live, &self.aside);
        self.dwell(moment, || exchange(&live, &self.aside));
        fs::remove_file(&self.aside).expect("the link is gone");
    }

    /// Other bytes in the same file.
    fn overwrite(&self, flawed: &[u8], good: &[u8], moment: Duration) {
        let live = self.live.join(COMPONENTS[3]);
        fs::write(&live, flawed).expect("written over");
        self.dwell(moment, || fs::write(&live, good).expect("written back"));
    }
}

fn exchange(one: &Path, other: &Path) {
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).expect("exchanged");
}
