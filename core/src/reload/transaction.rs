//! The course of one reload as a state machine that does nothing itself.
//!
//! [`TABLE`] is the whole of it: every legal step, and what became of the reload when it ends it. Who
//! drives it does what the state says and reports how that ended. This file is also compiled into the
//! model checks, where a model of the plugin takes the engine's place.

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// The files are vetted, copied and tried.
    Examine,
    /// The copy is opened beside the old generation, and started.
    Start,
    /// The fresh generation says whether it is ready.
    Check,
    /// New calls wait while those under way finish.
    Hold,
    /// The old generation gives its state.
    Export,
    /// The fresh generation takes it.
    Import,
    /// Calls go to the fresh generation.
    Publish,
    /// The fresh generation is watched; the old one can still come back.
    Watch,
    /// The old generation goes on as if nothing had happened.
    Resume,
    /// As [`Hold`](Self::Hold), the fresh generation being the one that is to go.
    HoldBack,
    /// As [`Export`](Self::Export).
    ExportBack,
    /// As [`Import`](Self::Import).
    ImportBack,
    /// Calls go to the old generation again.
    Return,
    /// The fresh generation is retired.
    Discard,
    /// The old generation is retired.
    Retire,
    /// Nothing is left to do.
    Over,
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Well.
    Done,
    /// As for a plugin without state, but there is state to hand over first.
    Stateful,
    /// Not at all.
    Failed,
    /// There is nothing to do: what serves is what was found.
    Unchanged,
}

/// What became of a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The fresh generation serves.
    Kept,
    /// The old generation never stopped serving.
    Refused,
    /// The fresh generation served for a while and did not do well; the old one serves again.
    Returned,
    /// Nothing was different, or nothing was open yet.
    Unchanged,
}

use Event::{Done, Failed, Stateful, Unchanged};
use State::{
    Check, Discard, Examine, Export, ExportBack, Hold, HoldBack, Import, ImportBack, Over, Publish,
    Resume, Retire, Return, Start, Watch,
};

/// One legal step: in this state, with this event, to that state; and the verdict, where it is known
/// from here on.
pub(crate) type Row = (State, Event, State, Option<Verdict>);

/// Every legal step.
pub(crate) const TABLE: &[Row] = &[
    (Examine, Done, Start, None),
    (Examine, Unchanged, Over, Some(Verdict::Unchanged)),
    (Examine, Failed, Over, Some(Verdict::Refused)),
    // A generation that does not start is let go of on the way.
    (Start, Done, Check, None),
    (Start, Failed, Over, Some(Verdict::Refused)),
    (Check, Done, Publish, None),
    (Check, Stateful, Hold, None),
    (Check, Failed, Discard, Some(Verdict::Refused)),
    (Hold, Done, Export, None),
    (Hold, Failed, Resume, Some(Verdict::Refused)),
    (Export, Done, Import, None),
    (Export, Failed, Resume, Some(Verdict::Refused)),
    (Import, Done, Publish, None),
    (Import, Failed, Resume, Some(Verdict::Refused)),
    (Publish, Done, Watch, None),
    (Publish, Failed, Discard, Some(Verdict::Refused)),
    (Watch, Done, Retire, Some(Verdict::Kept)),
    // The fresh generation did not do well.
    (Watch, Failed, Return, Some(Verdict::Returned)),
    (Watch, Stateful, HoldBack, Some(Verdict::Returned)),
    // From here on nothing stops the return; what cannot be handed back is noted as lost.
    (HoldBack, Done, ExportBack, None),
    (HoldBack, Failed, ExportBack, None),
    (ExportBack, Done, ImportBack, None),
    (ExportBack, Failed, ImportBack, None),
    (ImportBack, Done, Return, None),
    (ImportBack, Failed, Return, None),
    (Return, Done, Discard, None),
    (Resume, Done, Discard, None),
    // It goes on all the same; what it lost is noted.
    (Resume, Failed, Discard, None),
    (Discard, Done, Over, None),
    (Retire, Done, Over, None),
];

/// One reload under way.
#[derive(Debug)]
pub(crate) struct Transaction {
    state: State,
    verdict: Option<Verdict>,
}

/// A step that the table does not have: a mistake of whoever drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Illegal {
    /// The state.
    pub(crate) state: State,
    /// What was reported in it.
    pub(crate) event: Event,
}

impl Default for Transaction {
    fn default() -> Self {
        Self { state: Examine, verdict: None }
    }
}

impl Transaction {
    /// What is to be done now.
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// What became of it, once that is known.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.verdict
    }

    /// Takes note of how it went.
    pub(crate) fn advance(&mut self, event: Event) -> Result<State, Illegal> {
        let state = self.state;
        let row = TABLE.iter().find(|row| row.0 == state && row.1 == event);
        let Some((_, _, next, verdict)) = row else { return Err(Illegal { state, event }) };
        self.state = *next;
        self.verdict = self.verdict.or(*verdict);
        Ok(*next)
    }
}

/// Who does what a state says.
pub(crate) trait Actor {
    /// Does it, and says how it went. What becomes of the reload is told as soon as it is known.
    fn act(&mut self, state: State, verdict: Option<Verdict>)
    -> impl Future<Output = Event> + Send;
}

/// Drives a reload to its end.
pub(crate) async fn drive(actor: &mut impl Actor) -> Result<Option<Verdict>, Illegal> {
    let mut transaction = Transaction::default();
    while transaction.state() != Over {
        let event = actor.act(transaction.state(), transaction.verdict()).await;
        transaction.advance(event)?;
    }
    Ok(transaction.verdict())
}

impl State {
    /// The state's name in the ledger.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Examine => "examine",
            Start => "start",
            Check => "check",
            Hold => "hold",
            Export => "export",
            Import => "import",
            Publish => "publish",
            Watch => "watch",
            Resume => "resume",
            HoldBack => "hold-back",
            ExportBack => "export-back",
            ImportBack => "import-back",
            Return => "return",
            Discard => "discard",
            Retire => "retire",
            Over => "over",
        }
    }
}
