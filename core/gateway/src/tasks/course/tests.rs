//! Courses by a clock that stands still until somebody waits.

use super::*;
use serde_json::json;
use tokio::sync::mpsc;

/// A course whose runs tell when they begin and take so long.
struct Rig {
    course: Arc<Course>,
    ground: Ground,
    begun: mpsc::UnboundedReceiver<Instant>,
    since: Instant,
}

fn asked() -> CallOptions {
    CallOptions::by("gateway")
}

impl Rig {
    fn new(attributes: serde_json::Value, takes_ms: u64) -> Self {
        Self::with(attributes, takes_ms, |_| Ok(RunReport { output: "done".into() }))
    }

    fn with(
        attributes: serde_json::Value,
        takes_ms: u64,
        answer: impl Fn(u64) -> Outcome + Copy + Send + Sync + 'static,
    ) -> Self {
        let (sender, begun) = mpsc::unbounded_channel();
        let work: Work = Box::new(move |run, _| {
            let sender = sender.clone();
            Box::pin(async move {
                let _ = sender.send(Instant::now());
                sleep(Duration::from_millis(takes_ms)).await;
                answer(run.number)
            })
        });
        let ground = Ground::default();
        let rhythm = Rhythm::of(attributes.as_object().expect("a table"), None);
        let course = Course::new("sweep", "upkeep", rhythm, &ground, work);
        let since = Instant::now();
        course.begin();
        Self { course, ground, begun, since }
    }

    /// When the next run begins, in milliseconds from the beginning.
    async fn next(&mut self) -> u128 {
        let begun = self.begun.recv().await.expect("a run");
        begun.duration_since(self.since).as_millis()
    }

    async fn pass(&self, milliseconds: u64) {
        sleep(Duration::from_millis(milliseconds)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_run_comes_at_once_or_after_one_interval() {
    let mut at_once = Rig::new(json!({ "interval_ms": 1000 }), 10);
    assert_eq!((at_once.next().await, at_once.next().await), (0, 1000));
    let mut later = Rig::new(json!({ "interval_ms": 1000, "skip_initial_run": true }), 10);
    assert_eq!((later.next().await, later.next().await), (1000, 2000));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_is_counted_and_the_next_one_comes() {
    let mut rig = Rig::with(json!({ "interval_ms": 100 }), 10, |number| match number {
        1 => Err(Failure::new(class::UNAVAILABLE, "no_luck", "the moon is wrong")),
        _ => Ok(RunReport { output: "swept".into() }),
    });
    assert_eq!((rig.next().await, rig.next().await), (0, 100));
    rig.pass(20).await;
    let listed = rig.course.listed();
    assert_eq!((listed.ok, listed.failed, listed.skipped), (1, 1, 0));
    assert_eq!(listed.last_error, "the moon is wrong (no_luck)");
    assert_eq!(listed.last_output, "swept");
    assert!(listed.enabled && !listed.running && listed.next_ms.is_some());
}

#[tokio::test(start_paused = true)]
async fn what_becomes_of_runs_that_meet_is_said_by_overlap() {
    let mut skip = Rig::new(json!({ "interval_ms": 100 }), 250);
    assert_eq!((skip.next().await, skip.next().await), (0, 300));
    assert_eq!(skip.course.listed().skipped, 2);

    let mut queue = Rig::new(json!({ "interval_ms": 100, "overlap": "queue" }), 250);
    assert_eq!((queue.next().await, queue.next().await, queue.next().await), (0, 250, 500));
    // Of those due at 100 and 200, and at 300, 400 and 500, one each waited.
    assert!((2..=3).contains(&queue.course.listed().skipped));

    let mut allow = Rig::new(json!({ "interval_ms": 100, "overlap": "allow" }), 250);
    assert_eq!((allow.next().await, allow.next().await, allow.next().await), (0, 100, 200));
    assert_eq!(allow.course.listed().skipped, 0);
}

#[tokio::test(start_paused = true)]
async fn another_rhythm_counts_from_the_moment_it_is_there() {
    let mut rig = Rig::new(json!({ "interval_ms": 60_000 }), 10);
    assert_eq!(rig.next().await, 0);
    rig.pass(500).await;
    let quicker = Rhythm::of(json!({ "interval_ms": 100 }).as_object().expect("a table"), None);
    rig.course.follow(quicker);
    assert_eq!(rig.next().await, 600);
    rig.course.follow(Rhythm { enabled: false, ..quicker });
    rig.pass(1_000).await;
    assert!(rig.begun.try_recv().is_err(), "one that is switched off runs by itself");
    assert_eq!(rig.course.listed().next_ms, None);
    rig.course.run(asked()).await.expect("it runs when it is asked to");
}

#[tokio::test(start_paused = true)]
async fn one_that_runs_is_not_run_beside_itself_and_planned_runs_come() {
    let mut rig = Rig::new(json!({}), 100);
    let course = rig.course.clone();
    let first = tokio::spawn(async move { course.run(asked()).await });
    assert_eq!(rig.next().await, 0);
    assert_eq!(rig.course.run(asked()).await.expect_err("it runs").code, "LDR-TASK-RUNNING");
    first.await.expect("no panic").expect("it works");
    rig.course.plan(Duration::from_millis(400), ());
    assert_eq!(rig.next().await, 500);
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_a_run_and_begins_none() {
    let mut rig = Rig::new(json!({ "interval_ms": 10, "overlap": "queue" }), 100);
    rig.course.plan(Duration::from_millis(50), ());
    assert_eq!(rig.next().await, 0);
    rig.pass(20).await;
    rig.ground.over.cancel();
    rig.ground.tracker.close();
    rig.ground.tracker.wait().await;
    assert_eq!(rig.since.elapsed().as_millis(), 100);
    assert_eq!(rig.course.listed().ok, 1);
    assert!(rig.begun.try_recv().is_err());
}
