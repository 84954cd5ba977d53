//! Who owns what of all that plugins claim: a pure function of their manifests, and the same answer for
//! whoever asks.
//!
//! Within a contract three things are claimed: a capability's id, its aliases, and the values of attributes
//! that the contract's [`Terms`] call exclusive. What is claimed twice belongs to the claimant that goes
//! first:
//!
//! 1. by its origin: what the operator named goes before what came with the host;
//! 2. of one origin, an id goes before an alias, which is a convenience that can be done without;
//! 3. by the plugin's id.
//!
//! A capability that loses its id or an exclusive value is not served; one that loses an alias is, without it.
//! Everything else of the loser's is served. Neither the order in which plugins were loaded nor what was
//! served before counts.

use super::{Contracts, PluginRecord, Terms};
use crate::{
    diagnostic::Diagnostic,
    discovery::{Candidate, Origin},
    manifest::Provided,
};
use loader_contract::ContractName;
use std::{
    collections::{HashMap, hash_map::Entry},
    path::Path,
};

/// A plugin that claims what its manifest says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claimant<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) origin: Origin,
    pub(crate) manifest: &'a Path,
    pub(crate) provides: &'a [Provided],
}

/// What came of all the claims.
#[derive(Debug, Default)]
pub(crate) struct Settlement<'a> {
    /// What is served.
    pub(crate) owned: Vec<Owned<'a>>,
    /// What is not, each about the plugin that lost, in the order of precedence.
    pub(crate) conflicts: Vec<Diagnostic>,
}

/// A capability that is served.
#[derive(Debug)]
pub(crate) struct Owned<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) provided: &'a Provided,
    /// Those of its aliases that lead to it.
    pub(crate) aliases: Vec<&'a str>,
}

/// What can be claimed in a contract.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Claim<'a> {
    /// To answer to a name.
    Name(&'a str),
    /// To be the only one with this value of an attribute.
    Value(&'a str, String),
}

/// Who has what was claimed.
#[derive(Clone, Copy)]
struct Holder<'a> {
    claimant: Claimant<'a>,
    as_alias: bool,
}

impl<'a> Claimant<'a> {
    pub(crate) fn of(candidate: &'a Candidate) -> Self {
        Self {
            plugin: candidate.id(),
            origin: candidate.origin(),
            manifest: candidate.manifest_path(),
            provides: &candidate.spec().provides,
        }
    }
}

impl<'a> From<&'a PluginRecord> for Claimant<'a> {
    fn from(record: &'a PluginRecord) -> Self {
        Self::of(&record.candidate)
    }
}

/// Settles who owns what.
pub(crate) fn settle<'a>(
    claimants: impl IntoIterator<Item = Claimant<'a>>,
    contracts: &Contracts,
) -> Settlement<'a> {
    let mut claimants: Vec<Claimant<'a>> = claimants.into_iter().collect();
    claimants.sort_by_key(|claimant| (claimant.origin, claimant.plugin));
    let mut claims = Claims { contracts, held: HashMap::new(), settled: Settlement::default() };
    for of_one_origin in claimants.chunk_by(|one, next| one.origin == next.origin) {
        let before = claims.settled.owned.len();
        let mut owners = Vec::new();
        for claimant in of_one_origin {
            let provides = claimant.provides.iter();
            owners.extend(provides.filter(|one| claims.own(*claimant, one)).map(|_| *claimant));
        }
        for (number, owner) in (before..).zip(owners) {
            claims.take_aliases(owner, number);
        }
    }
    claims.settled
}

/// Claims that are being settled.
struct Claims<'a, 'terms> {
    contracts: &'terms Contracts,
    held: HashMap<(&'a ContractName, Claim<'a>), Holder<'a>>,
    settled: Settlement<'a>,
}

impl<'a> Claims<'a, '_> {
    /// Takes what a capability cannot be served without; whether it could be had.
    fn own(&mut self, claimant: Claimant<'a>, provided: &'a Provided) -> bool {
        let terms = self.contracts.get(provided.contract.name());
        let exclusive = terms.into_iter().flat_map(|terms| &terms.exclusive);
        let values = exclusive.filter_map(|exclusive| {
            let value = match provided.attributes.get(exclusive.attribute) {
                Some(serde_json::Value::String(value)) => value.clone(),
                Some(value) => value.to_string(),
                None => exclusive.default?.replace("{id}", &provided.id),
            };
            Some(Claim::Value(exclusive.attribute, value))
        });
        let claims: Vec<Claim<'a>> =
            [Claim::Name(&provided.id)].into_iter().chain(values).collect();
        let mut is_free = true;
        for claim in &claims {
            if let Some(holder) = self.held.get(&(&provided.contract, claim.clone())) {
                let code = terms.map_or(Terms::default().conflict, |terms| terms.conflict);
                let lost = Lost { claim, as_alias: false, claimant, provided };
                self.settled.conflicts.push(lost.to(holder, code));
                is_free = false;
            }
        }
        if is_free {
            let holder = Holder { claimant, as_alias: false };
            let held = claims.into_iter().map(|claim| ((&provided.contract, claim), holder));
            self.held.extend(held);
            let plugin = claimant.plugin;
            self.settled.owned.push(Owned { plugin, provided, aliases: Vec::new() });
        }
        is_free
    }

    /// Takes those aliases of a capability that is served that nobody else has.
    fn take_aliases(&mut self, claimant: Claimant<'a>, number: usize) {
        let provided = self.settled.owned[number].provided;
        for alias in provided.aliases() {
            let claim = Claim::Name(alias);
            match self.held.entry((&provided.contract, claim.clone())) {
                Entry::Vacant(place) => {
                    place.insert(Holder { claimant, as_alias: true });
                    self.settled.owned[number].aliases.push(alias);
                }
                Entry::Occupied(holder) => {
                    let lost = Lost { claim: &claim, as_alias: true, claimant, provided };
                    self.settled.conflicts.push(lost.to(holder.get(), "LDR-CONFLICT-ALIAS"));
                }
            }
        }
    }
}

/// A claim that somebody else's goes before.
struct Lost<'a> {
    claim: &'a Claim<'a>,
    as_alias: bool,
    claimant: Claimant<'a>,
    provided: &'a Provided,
}

impl Lost<'_> {
    /// Says so: the same words wherever it is asked.
    fn to(&self, holder: &Holder<'_>, code: &'static str) -> Diagnostic {
        let Self { claim, as_alias, claimant: loser, provided } = self;
        let winner = holder.claimant;
        let what = match claim {
            Claim::Name(name) if *as_alias => format!("the alias `{name}`"),
            Claim::Name(name) => format!("the id `{name}`"),
            Claim::Value(attribute, value) => {
                format!("`{attribute}` = `{}`", value.escape_debug())
            }
        };
        let differently = match (holder.as_alias, as_alias) {
            (true, false) => " as an alias",
            (false, true) => " as an id",
            _ => "",
        };
        let named = |claimant: &Claimant<'_>| {
            let Claimant { plugin, origin, manifest, .. } = claimant;
            format!("`{plugin}` ({origin}, {})", manifest.display())
        };
        let message = format!(
            "{what} of `{}` is claimed by {}{differently} and by {}; `{}` keeps it",
            provided.contract,
            named(&winner),
            named(loser),
            winner.plugin
        );
        let deny = |plugin: &str| format!("plugins.deny = [\"{plugin}\"]");
        let finding = if winner.plugin == loser.plugin {
            Diagnostic::error(code, message).hint("change one of them in its manifest")
        } else if winner.origin == loser.origin {
            let hint = format!("keep one: {}, or {}", deny(loser.plugin), deny(winner.plugin));
            Diagnostic::error(code, message).hint(hint)
        } else {
            let hint = format!("to have it from `{}`: {}", loser.plugin, deny(winner.plugin));
            Diagnostic::warning(code, message).hint(hint)
        };
        finding.at_line(loser.manifest, provided.line).about(loser.plugin)
    }
}

#[cfg(test)]
mod tests;
