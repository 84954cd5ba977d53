//! How the accounts are, summed up.

use crate::account::Condition;
use loader_sdk::{contract::health::HealthStatus, prelude::*};
use serde_json::{Value, json};

/// Passes if every account is connected and in all its channels; warns while one is on its way or
/// misses a channel; fails when one has given up. The details hold every account.
pub(crate) fn report(conditions: Vec<Condition>) -> HealthReport {
    let mut report = HealthReport::pass();
    let mut complaints = Vec::new();
    for condition in &conditions {
        let AccountStatus { account, state, detail, .. } = &condition.status;
        let verdict = match state {
            AccountState::Failed => HealthStatus::Fail,
            AccountState::Connected if detail.is_empty() => HealthStatus::Pass,
            _ => HealthStatus::Warn,
        };
        if verdict != HealthStatus::Pass {
            complaints.push(format!("`{account}` is {}: {detail}", name_of(*state)));
            if report.status != HealthStatus::Fail {
                report.status = verdict;
            }
        }
        report.details.insert(account.clone(), describe(condition));
    }
    report.output = complaints.join("; ");
    report
}

fn describe(condition: &Condition) -> Value {
    let mut facts = serde_json::to_value(&condition.status).unwrap_or_default();
    if condition.overlong_lines > 0 {
        facts["overlong_lines"] = json!(condition.overlong_lines);
    }
    if condition.undelivered > 0 {
        facts["undelivered"] = json!(condition.undelivered);
    }
    facts
}

fn name_of(state: AccountState) -> &'static str {
    match state {
        AccountState::Disconnected => "disconnected",
        AccountState::Connecting => "connecting",
        AccountState::Connected => "connected",
        AccountState::Reconnecting => "reconnecting",
        AccountState::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(accounts: &[(&str, AccountState, &str)]) -> HealthReport {
        let condition = |(name, state, detail): &(&str, AccountState, &str)| Condition {
            status: AccountStatus {
                account: (*name).to_owned(),
                state: *state,
                detail: (*detail).to_owned(),
                ..AccountStatus::default()
            },
            overlong_lines: 0,
            undelivered: 2,
        };
        report(accounts.iter().map(condition).collect())
    }

    #[test]
    fn the_worst_account_decides() {
        let well = ("a", AccountState::Connected, "");
        let partly = ("b", AccountState::Connected, "not in #x: banned");
        let trying = ("c", AccountState::Reconnecting, "the server is gone");
        let failed = ("d", AccountState::Failed, "bad password");
        assert_eq!(check(&[]).status, HealthStatus::Pass);
        assert_eq!(check(&[well]).status, HealthStatus::Pass);
        assert_eq!(check(&[well, partly]).status, HealthStatus::Warn);
        assert_eq!(check(&[trying, well]).status, HealthStatus::Warn);
        let report = check(&[failed, trying, well]);
        assert_eq!(report.status, HealthStatus::Fail);
        assert_eq!(
            report.output,
            "`d` is failed: bad password; `c` is reconnecting: the server is gone"
        );
        assert_eq!(report.details["a"]["state"], "connected");
        assert_eq!(report.details["c"]["detail"], "the server is gone");
        assert_eq!(report.details["c"]["undelivered"], 2);
    }
}
