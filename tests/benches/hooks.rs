//! What fifty hooks that change nothing add to a chat turn, beside the same turn without any.
//!
//! The gateway, the provider `echo` and the hooks of the fixture `still-hooks` share a process, and both
//! plugins are inline. Every hook is on `before_prompt_build`, the event that carries most: the whole
//! conversation, written once for all hooks and read by each of them.

use integration_tests::{
    Home,
    bench::{Arguments, Bounds, Goal, Report, Row, Series, Stretch, Unit},
    expect_no_error,
};
use loader_contract::text_inference::{GenerateRequest, Message, Role};
use loader_core::{
    CallOptions,
    discovery::{Origin, Root},
    services::SecretBytes,
};
use loader_gateway::{Gateway, Settings};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const HOOKS: usize = 50;

/// The conversations: their name, how many messages they have, and how many letters each.
const TURNS: [(&str, usize, usize); 2] =
    [("one message of 64 letters", 1, 64), ("20 messages of 256 letters", 20, 256)];

fn main() {
    let arguments = Arguments::read();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let report = runtime.block_on(runtime.spawn(measure(arguments))).expect("the benchmark runs");
    report.print(arguments);
}

async fn measure(arguments: Arguments) -> Report {
    let rounds = arguments.pick(9, 2);
    let time = Duration::from_millis(arguments.pick(300, 30));
    let bounds = Bounds { samples: 20_000, time };
    let (plain, hooked) = (start(0).await, start(HOOKS).await);
    let mut report = Report::new("hooks", "one chat turn, and what inline hooks add to it");
    for (name, messages, letters) in TURNS {
        let message = Message::text(Role::User, "x".repeat(letters));
        let request =
            GenerateRequest { messages: vec![message; messages], ..GenerateRequest::default() };
        let (mut without, mut with) = (Series::default(), Series::default());
        // The first round warms up.
        for round in 0..=rounds {
            let (first, second) =
                (turns(&plain.1, &request, bounds).await, turns(&hooked.1, &request, bounds).await);
            if round > 0 {
                without.add(first);
                with.add(second);
            }
        }
        let row = |name, series: &Series| {
            let row = Row::new(name, Unit::Nanoseconds, series.typical());
            row.spread(series.mean(), series.percentile(0.99))
        };
        let title = format!("{name}, {HOOKS} hooks");
        report.add(row(title, &with).beside("no hooks", without.typical()));
        let added = with.typical() - without.typical();
        let row = Row::new(format!("{name}, added"), Unit::Nanoseconds, added);
        report.add(row.goal(Goal::AtMost(100_000.0)));
    }
    for (_home, gateway) in [plain, hooked] {
        gateway.stop(Duration::from_secs(5)).await;
    }
    report
}

/// A gateway with so many hooks.
async fn start(hooks: usize) -> (Home, Gateway) {
    let home = Home::new();
    home.add("echo");
    if hooks > 0 {
        let hook = |number| format!("{{ id = \"{number:02}\", on = \"before_prompt_build\" }}");
        let hooks: Vec<_> = (1..=hooks).map(hook).collect();
        let provides = format!("\"hook/1\" = [{}]", hooks.join(", "));
        home.add_one_of("hooks", "still-hooks", &provides);
    }
    let config = "[models]\ndefault = \"echo/echo\"\n[plugins.reload]\nwatch = false\n\
        [plugins.entries.echo]\nplacement = \"inline\"\n\
        [plugins.entries.still-hooks]\nplacement = \"inline\"\n";
    let settings = Settings {
        config: toml::from_str(config).expect("a configuration"),
        state_dir: home.state(),
        roots: vec![Root { path: home.plugins(), origin: Origin::Bundled, required: true }],
        index: None,
        secrets: Arc::new(BTreeMap::<String, SecretBytes>::new()),
        host: "loader-bench 0".to_owned(),
        log_filter: None,
        probe: None,
        crash: None,
        on_demand: false,
    };
    let (gateway, findings) = Gateway::start(settings).await.expect("a gateway");
    expect_no_error(&findings);
    (home, gateway)
}

/// Nanoseconds of each turn, one after the other.
async fn turns(gateway: &Gateway, request: &GenerateRequest, bounds: Bounds) -> Vec<f64> {
    let mut stretch = Stretch::start(bounds, 1);
    loop {
        let options = CallOptions::by("gateway").within(Duration::from_secs(10));
        let answer = gateway.generate(options, "", request.clone()).await.expect("an answer");
        assert!(!answer.message.content.is_empty());
        if !stretch.lap() {
            return stretch.into_samples();
        }
    }
}
