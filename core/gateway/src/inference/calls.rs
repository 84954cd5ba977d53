//! The tool calls of an answer: the gateway's own, and those that are the client's to answer.

use super::round::{self, MAX_ANSWER_BYTES};
use loader_abi::class;
use loader_contract::text_inference::{FinishReason, StreamEvent, ToolCall};
use loader_core::message::Failure;
use std::collections::{BTreeMap, BTreeSet};

/// How many tools one answer may want called, of the gateway's and of the client's.
const MOST_CALLS: usize = 128;

/// The tool calls of one answer.
#[derive(Debug, Default)]
pub(super) struct Calls {
    /// Of the gateway's tools, by their place in the answer.
    own: BTreeMap<u32, ToolCall>,
    /// The places of the client's in the answer; the client counts only them.
    others: Vec<u32>,
    bytes: usize,
}

/// What is done about the calls of an answer that is complete.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// These tools of the gateway's are called, and the model goes on.
    GoOn(Vec<ToolCall>),
    /// The turn is over. The client learns of its own calls alone.
    Over,
}

impl Calls {
    /// Takes an event of a call. Returns what the client is told.
    pub(super) fn take(
        &mut self,
        ours: &BTreeSet<String>,
        index: u32,
        piece: ToolCall,
    ) -> Result<Option<StreamEvent>, Failure> {
        let ToolCall { id, name, arguments } = piece;
        if ours.contains(&name) || self.own.contains_key(&index) {
            self.bytes += id.len() + name.len() + arguments.len();
            if self.bytes > MAX_ANSWER_BYTES {
                return Err(round::too_long());
            }
            if self.own.len() >= MOST_CALLS && !self.own.contains_key(&index) {
                return Err(too_many());
            }
            let call = self.own.entry(index).or_default();
            call.id.push_str(&id);
            call.name.push_str(&name);
            call.arguments.push_str(&arguments);
            return Ok(None);
        }
        let known = self.others.iter().position(|other| *other == index);
        if known.is_none() && self.others.len() >= MOST_CALLS {
            return Err(too_many());
        }
        let place = known.unwrap_or_else(|| {
            self.others.push(index);
            self.others.len() - 1
        });
        let index = u32::try_from(place).unwrap_or(u32::MAX);
        Ok(Some(StreamEvent::ToolCall { index, id, name, arguments }))
    }

    /// Sorts the calls of a whole answer, and leaves the client's there.
    pub(super) fn sort(
        ours: &BTreeSet<String>,
        calls: &mut Vec<ToolCall>,
    ) -> Result<Self, Failure> {
        if calls.len() > MOST_CALLS {
            return Err(too_many());
        }
        let (own, others) = calls.drain(..).partition(|call| ours.contains(&call.name));
        *calls = others;
        let own: Vec<ToolCall> = own;
        let others = (0..).take(calls.len()).collect();
        Ok(Self { own: (0..).zip(own).collect(), others, bytes: 0 })
    }

    /// What is done about them. While a client has calls to answer, it has the word: what the gateway's
    /// tools would answer could not be told to the model.
    pub(super) fn verdict(self, finish: FinishReason) -> Verdict {
        let is_whole = !matches!(finish, FinishReason::Length | FinishReason::ContentFilter);
        if self.own.is_empty() || !self.others.is_empty() || !is_whole {
            return Verdict::Over;
        }
        Verdict::GoOn(self.own.into_values().collect())
    }
}

fn too_many() -> Failure {
    let message = format!("the answer wants more than {MOST_CALLS} tools called");
    Failure::new(class::INTERNAL, "LDR-CALL-ANSWER-SIZE", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall { id: String::new(), name: name.to_owned(), arguments: arguments.to_owned() }
    }

    fn ours() -> BTreeSet<String> {
        BTreeSet::from(["mine".to_owned()])
    }

    #[test]
    fn pieces_of_own_calls_are_put_together_and_kept_from_the_client() {
        let mut calls = Calls::default();
        for (index, piece) in [
            (0, call("mine", "")),
            (1, call("mine", "{\"b\"")),
            (0, call("", "{}")),
            (1, call("", ":1}")),
        ] {
            assert_eq!(calls.take(&ours(), index, piece), Ok(None));
        }
        let together = vec![call("mine", "{}"), call("mine", "{\"b\":1}")];
        assert_eq!(calls.verdict(FinishReason::ToolCalls), Verdict::GoOn(together));
    }

    #[test]
    fn the_client_counts_its_own_calls_and_has_the_word() {
        let mut calls = Calls::default();
        calls.take(&ours(), 0, call("mine", "{}")).expect("short");
        for (index, name) in [(1, "theirs"), (1, ""), (2, "theirs")] {
            let told = calls.take(&ours(), index, call(name, "{}")).expect("short");
            let Some(StreamEvent::ToolCall { index: place, .. }) = told else { panic!("{told:?}") };
            assert_eq!(place, index - 1);
        }
        assert_eq!(calls.verdict(FinishReason::ToolCalls), Verdict::Over);
    }

    #[test]
    fn an_answer_that_was_cut_sets_no_tool_to_work() {
        for finish in [FinishReason::Length, FinishReason::ContentFilter] {
            let calls = Calls::sort(&ours(), &mut vec![call("mine", "{")]).expect("few");
            assert_eq!(calls.verdict(finish), Verdict::Over);
        }
        let mut said = vec![call("mine", "{}")];
        // Some servers say that they were done, though they want tools called.
        let verdict = Calls::sort(&ours(), &mut said).expect("few").verdict(FinishReason::Stop);
        assert_eq!(verdict, Verdict::GoOn(vec![call("mine", "{}")]));
        assert!(said.is_empty());
    }

    #[test]
    fn nobody_wants_any_number_of_tools_called() {
        for name in ["mine", "theirs"] {
            let mut calls = Calls::default();
            let mut last = Ok(None);
            for index in 0..=128 {
                assert!(last.is_ok(), "{index}");
                last = calls.take(&ours(), index, call(name, "{}"));
            }
            assert_eq!(last.map_err(|failure| failure.code), Err("LDR-CALL-ANSWER-SIZE".into()));
            let mut whole = vec![call(name, "{}"); 129];
            Calls::sort(&ours(), &mut whole).expect_err("too many");
        }
    }
}
