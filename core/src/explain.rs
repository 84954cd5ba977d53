//! Whether a library and this host understand each other, and if not, who builds what again: told from
//! the library's metadata alone, for a file of any platform, without opening it.

use crate::{
    Contracts,
    manifest::AbiVersion,
    vetting::{
        binary::{self, Binary},
        host, read_facts,
    },
};
use loader_abi::{
    ABI_VERSION, ABI_VERSION_TEXT,
    facts::Facts,
    history::{RELEASES, Release},
};
use serde::Serialize;

/// What keeps a library and this host together or apart.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// Whether this host would take the library, as far as its metadata says.
    pub fits: bool,
    /// Every reason why it would not.
    pub reasons: Vec<String>,
    /// What mends it.
    pub remedy: Option<Remedy>,
    /// The file format, and the processor it was built for; `None` for a file that is no library.
    pub platform: Option<String>,
    /// What the library says about itself; `None` if that cannot be read.
    pub library: Option<Facts>,
    /// This host.
    pub host: HostSide,
    /// What the two versions of the interface have to do with each other.
    pub interface: Interface,
    /// The contracts that the library's plugins provide.
    pub contracts: Vec<ContractSides>,
}

/// The host's side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostSide {
    /// The version of its interface.
    pub abi: String,
    /// The target triple it loads libraries of.
    pub target: String,
}

/// What two versions of the interface have to do with each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interface {
    /// The library's version is not known.
    Unknown,
    /// They are the same.
    Same,
    /// The library lacks what these versions added, and the host does without it.
    LibraryIsOlder(Vec<Added>),
    /// The library knows more than the host, which answers it with what was there before.
    HostIsOlder,
    /// Another major version: they have nothing in common.
    Unrelated,
}

/// What one version of the interface added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Added {
    /// The version, such as `1.1`.
    pub version: String,
    /// Fields and operations.
    pub names: Vec<String>,
}

/// A contract as both sides have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ContractSides {
    /// The contract and the version that the library provides, such as `http-route/1`.
    pub library: String,
    /// The lowest and highest version the host takes; `None` if it does not know the contract.
    pub host: Option<(u32, u32)>,
    /// Whether the host takes it, or has no use for it at all.
    pub fits: bool,
}

/// What mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Remedy {
    /// Whose side is built or installed anew.
    pub side: Side,
    /// The command or edit.
    pub command: String,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The host.
    Host,
    /// The library's author.
    Author,
}

/// Something that keeps the two apart.
struct Obstacle {
    reason: String,
    side: Side,
    command: String,
}

/// Explains the bytes of a library to a host that takes these contracts.
pub fn explain(bytes: &[u8], contracts: &Contracts) -> Explanation {
    let mut obstacles = Vec::new();
    let binary = match binary::inspect(bytes) {
        Ok(binary) => Some(binary),
        Err(malformed) => {
            obstacles.push(rebuild(format!("the file {malformed}")));
            None
        }
    };
    let facts = match binary.as_ref().map(read_facts) {
        Some(Err(reason)) => {
            obstacles.push(rebuild(format!("it does not say what it was built with: {reason}")));
            None
        }
        known => known.and_then(Result::ok),
    };
    let mut interface = Interface::Unknown;
    let mut sides = Vec::new();
    if let Some(facts) = &facts {
        match facts.abi.parse::<AbiVersion>() {
            Ok(library) => {
                let library = (library.major, library.minor);
                interface = compare(ABI_VERSION, library, RELEASES);
                obstacles.extend(other_major(library, facts));
            }
            Err(_) => obstacles.push(rebuild(format!(
                "it names `{}` as its interface version",
                facts.abi.escape_debug()
            ))),
        }
        let provided = facts.plugins.iter().flat_map(|plugin| &plugin.provides);
        sides = provided.map(|one| contract_sides(&one.contract, contracts)).collect();
        sides.dedup();
        obstacles.extend(sides.iter().filter_map(other_contract));
        obstacles.extend(aborts(facts));
    }
    obstacles.extend(other_platform(binary.as_ref(), facts.as_ref()));
    let remedy =
        obstacles.first().map(|first| Remedy { side: first.side, command: first.command.clone() });
    Explanation {
        fits: obstacles.is_empty(),
        remedy,
        reasons: obstacles.into_iter().map(|obstacle| obstacle.reason).collect(),
        platform: binary.map(|binary| format!("{} for {}", binary.format, binary.architecture)),
        library: facts,
        host: HostSide { abi: ABI_VERSION_TEXT.to_owned(), target: host::target() },
        interface,
        contracts: sides,
    }
}

fn compare(host: (u32, u32), library: (u32, u32), releases: &[Release]) -> Interface {
    if host.0 != library.0 {
        return Interface::Unrelated;
    }
    match library.cmp(&host) {
        std::cmp::Ordering::Equal => Interface::Same,
        std::cmp::Ordering::Greater => Interface::HostIsOlder,
        std::cmp::Ordering::Less => {
            let between = releases
                .iter()
                .filter(|release| release.version > library && release.version <= host);
            let added = between.map(|release| Added {
                version: format!("{}.{}", release.version.0, release.version.1),
                names: release.added.iter().map(|&name| name.to_owned()).collect(),
            });
            Interface::LibraryIsOlder(added.collect())
        }
    }
}

const REBUILD: &str = "cargo update -p loader-sdk && cargo build --release";

fn rebuild(reason: String) -> Obstacle {
    Obstacle { reason, side: Side::Author, command: REBUILD.to_owned() }
}

fn other_major(library: (u32, u32), facts: &Facts) -> Option<Obstacle> {
    let major = ABI_VERSION.0;
    let reason = format!(
        "its interface {} ({}) and this host's {ABI_VERSION_TEXT} have nothing in common",
        facts.abi.escape_debug(),
        facts.sdk.escape_debug()
    );
    match library.0.cmp(&major) {
        std::cmp::Ordering::Equal => None,
        std::cmp::Ordering::Less => Some(rebuild(reason)),
        std::cmp::Ordering::Greater => Some(Obstacle {
            reason,
            side: Side::Host,
            command: format!(
                "upgrade loader, or install a build of the plugin for interface {major}"
            ),
        }),
    }
}

fn contract_sides(library: &str, host: &Contracts) -> ContractSides {
    let parsed = library.parse::<loader_contract::ContractName>().ok();
    let range = parsed.as_ref().and_then(|contract| host.get(contract.name()));
    let range = range.map(|terms| terms.versions);
    let fits = match (&parsed, range) {
        (Some(contract), Some((lowest, highest))) => (lowest..=highest).contains(&contract.major()),
        (Some(_), None) => true,
        (None, _) => false,
    };
    ContractSides { library: library.to_owned(), host: range, fits }
}

fn other_contract(sides: &ContractSides) -> Option<Obstacle> {
    if sides.fits {
        return None;
    }
    let library = sides.library.escape_debug();
    let Some((lowest, highest)) = sides.host else {
        return Some(rebuild(format!("it provides `{library}`, which is no contract")));
    };
    let reason = format!("it provides {library}; this host takes versions {lowest} to {highest}");
    let wanted = sides.library.parse::<loader_contract::ContractName>().ok()?.major();
    Some(if wanted > highest {
        Obstacle { reason, side: Side::Host, command: "upgrade loader".to_owned() }
    } else {
        rebuild(reason)
    })
}

fn aborts(facts: &Facts) -> Option<Obstacle> {
    (facts.panic != "unwind").then(|| Obstacle {
        reason: format!("it was built with `panic = \"{}\"`", facts.panic.escape_debug()),
        side: Side::Author,
        command: "remove `panic = \"abort\"` below [profile.release], then cargo build --release"
            .to_owned(),
    })
}

/// A file for another system or processor. The file's own header counts, and beyond it its metadata.
fn other_platform(binary: Option<&Binary<'_>>, facts: Option<&Facts>) -> Option<Obstacle> {
    let binary = binary?;
    let is_ours = binary.format == host::FORMAT && binary.architecture == std::env::consts::ARCH;
    let target = facts.map(|facts| facts.target.as_str());
    if is_ours && target.is_none_or(host::runs) {
        return None;
    }
    let found = target.map_or_else(
        || format!("{} for {}", binary.format, binary.architecture),
        |target| target.escape_debug().to_string(),
    );
    Some(Obstacle {
        reason: format!("it was built for {found}; this host is {}", host::target()),
        side: Side::Author,
        command: host::build_command(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_library_lacks_what_came_since() {
        let releases = [
            Release { version: (1, 0), added: &["Host.call"] },
            Release { version: (1, 1), added: &["Host.load"] },
            Release { version: (1, 2), added: &["Plugin.tasks", "PluginRoot.count"] },
        ];
        let added = |version: &str, names: &[&str]| Added {
            version: version.to_owned(),
            names: names.iter().map(|&name| name.to_owned()).collect(),
        };
        let last = added("1.2", &["Plugin.tasks", "PluginRoot.count"]);
        assert_eq!(
            compare((1, 2), (1, 0), &releases),
            Interface::LibraryIsOlder(vec![added("1.1", &["Host.load"]), last.clone()])
        );
        assert_eq!(compare((1, 2), (1, 1), &releases), Interface::LibraryIsOlder(vec![last]));
        assert_eq!(compare((1, 2), (1, 2), &releases), Interface::Same);
        assert_eq!(compare((1, 2), (1, 3), &releases), Interface::HostIsOlder);
        assert_eq!(compare((1, 2), (2, 2), &releases), Interface::Unrelated);
    }

    #[test]
    fn a_contract_out_of_range_names_the_side_that_is_behind() {
        let host = Contracts::from([("http-route".to_owned(), (2, 3).into())]);
        let side = |contract| {
            let sides = contract_sides(contract, &host);
            other_contract(&sides).map(|obstacle| obstacle.side)
        };
        assert_eq!(side("http-route/2"), None);
        assert_eq!(side("shout/1"), None, "nobody uses it, and it does no harm");
        assert_eq!(side("http-route/1"), Some(Side::Author));
        assert_eq!(side("http-route/4"), Some(Side::Host));
        assert_eq!(side("nonsense"), Some(Side::Author));
    }
}
