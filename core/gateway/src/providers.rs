//! Asking one provider after another: who they are, in which order, and what is told when none could.

use loader_abi::class;
use loader_core::{Capability, Snapshot, message::Failure};
use std::sync::Arc;

/// How many reasons are told when every provider failed, and how much of each.
const MOST_REASONS: usize = 8;
const MOST_OF_A_REASON: usize = 200;

/// Those that the operator names, in that order, and then, unless only these are wanted, the others in the
/// registry's order.
pub(crate) fn in_order(
    snapshot: &Snapshot,
    contract: &str,
    named: &[String],
    only: bool,
) -> Vec<Arc<Capability>> {
    let named = named.iter().filter_map(|name| snapshot.capability(contract, name));
    let others = snapshot.capabilities(contract).filter(|_| !only);
    let mut order: Vec<Arc<Capability>> = Vec::new();
    for provider in named.chain(others) {
        if order.iter().all(|one| one.id != provider.id) {
            order.push(provider.clone());
        }
    }
    order
}

/// What each provider that was asked failed with, with its name and its plugin's.
#[derive(Default)]
pub(crate) struct Failures(Vec<Failure>);

/// What is said when no provider could.
pub(crate) struct Nobody {
    pub(crate) code: &'static str,
    /// What none of them does: `no provider speaks`.
    pub(crate) message: &'static str,
    /// Where none of them has a hint of its own.
    pub(crate) hint: &'static str,
    /// Whether a failure speaks of the request, and the provider is well otherwise.
    pub(crate) is_of_the_request: fn(&Failure) -> bool,
}

impl Failures {
    /// Takes note of another provider's.
    pub(crate) fn push(&mut self, provider: &str, plugin: &str, failure: Failure) {
        let message = format!("`{provider}` of the plugin `{plugin}`: {}", failure.message);
        self.0.push(Failure { message, ..failure });
    }

    /// All of them in one. Where it is the request, or there was only one to ask, the last one's own words.
    pub(crate) fn together(mut self, nobody: &Nobody) -> Failure {
        let is_the_request = self.0.iter().all(nobody.is_of_the_request);
        if is_the_request || self.0.len() == 1 {
            return self.0.pop().unwrap_or_else(Failure::deadline);
        }
        let reason = |failure: &Failure| {
            let message: String = failure.message.chars().take(MOST_OF_A_REASON).collect();
            format!("{message} ({})", failure.code)
        };
        let mut reasons: Vec<String> = self.0.iter().take(MOST_REASONS).map(reason).collect();
        if self.0.len() > MOST_REASONS {
            reasons.push(format!("and {} more", self.0.len() - MOST_REASONS));
        }
        let hint = self.0.into_iter().map(|failure| failure.hint).find(|it| !it.is_empty());
        let message = format!("{}: {}", nobody.message, reasons.join("; "));
        Failure::new(class::UNAVAILABLE, nobody.code, message)
            .hint(hint.unwrap_or_else(|| nobody.hint.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Nobody = Nobody {
        code: "LDR-TEST-ALL",
        message: "no provider sings",
        hint: "sing",
        is_of_the_request: |failure| failure.class == class::INVALID,
    };

    fn together(failures: &[(u32, &str)]) -> Failure {
        let mut all = Failures::default();
        for (class, code) in failures {
            let failure = Failure::new(*class, code, "x".repeat(1000)).hint(format!("mend {code}"));
            all.push(code, "one", failure);
        }
        all.together(&NOBODY)
    }

    #[test]
    fn why_nobody_could_is_told_by_all_and_stays_short() {
        assert_eq!(together(&[(class::INVALID, "a"), (class::INVALID, "b")]).code, "b");
        assert_eq!(together(&[(class::PANIC, "a")]).code, "a");
        let all = together(&[(class::INVALID, "b"), (class::PANIC, "a")]);
        assert_eq!((&*all.code, &*all.hint), ("LDR-TEST-ALL", "mend b"));
        assert!(
            all.message.starts_with("no provider sings: `b` of the plugin `one`: xxx"),
            "{all}"
        );
        let many = together(&[(class::INTERNAL, "c"); 100]);
        assert!(many.message.ends_with("; and 92 more"), "{}", many.message);
        assert!(many.message.len() < 3000);
    }
}
