//! What the embedding program says of the contracts it consumes.

use loader_contract::catalogue::Contract;
use std::collections::BTreeMap;

/// The terms of each contract the program consumes, by its name without the version.
pub type Contracts = BTreeMap<String, Terms>;

/// What the embedding program says of one contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The lowest and the highest major version it consumes.
    pub versions: (u32, u32),
    /// The code of a finding that two plugins claim the same.
    pub conflict: &'static str,
    /// The attributes whose values only one capability can have.
    pub exclusive: Vec<Exclusive>,
    /// The methods a capability may have beyond those it must; any, unless that is said.
    pub methods: Option<Vec<&'static str>>,
}

/// An attribute whose value only one capability of a contract can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exclusive {
    /// The attribute.
    pub attribute: &'static str,
    /// The value of a capability that does not say: `{id}` stands for its id.
    pub default: Option<&'static str>,
}

impl Default for Terms {
    /// The terms of a contract that the program says nothing of.
    fn default() -> Self {
        Self {
            versions: (1, 1),
            conflict: "LDR-CONFLICT-CAPABILITY",
            exclusive: Vec::new(),
            methods: None,
        }
    }
}

impl From<&Contract> for Terms {
    /// The terms that follow from what a contract says of itself.
    fn from(contract: &Contract) -> Self {
        let major = contract.name.rsplit_once('/').and_then(|(_, major)| major.parse().ok());
        let exclusive = contract.exclusive.iter();
        Self {
            versions: major.map_or((1, 1), |major| (major, major)),
            conflict: contract.clash,
            exclusive: exclusive
                .map(|one| Exclusive { attribute: one.attribute, default: one.default })
                .collect(),
            methods: Some(contract.optional_methods().collect()),
        }
    }
}

impl From<(u32, u32)> for Terms {
    /// The lowest and the highest major version, and nothing else.
    fn from(versions: (u32, u32)) -> Self {
        Self { versions, ..Self::default() }
    }
}
