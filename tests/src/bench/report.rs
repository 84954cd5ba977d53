//! What a benchmark prints: one table, or one line of JSON.

use super::Arguments;
use serde_json::{Value, json};

/// The figures of one topic.
#[derive(Debug)]
pub struct Report {
    topic: &'static str,
    title: &'static str,
    rows: Vec<Row>,
    not_run: Vec<String>,
}

/// One figure, beside its baseline of the same run.
#[derive(Debug)]
pub struct Row {
    name: String,
    unit: Unit,
    value: f64,
    spread: Option<Spread>,
    baseline: Option<(String, f64)>,
    ratio: Option<f64>,
    goal: Option<Goal>,
}

/// What a typical value leaves out.
#[derive(Debug, Clone, Copy)]
struct Spread {
    mean: f64,
    p99: f64,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy)]
pub enum Unit {
    /// Nanoseconds.
    Nanoseconds,
    /// Milliseconds.
    Milliseconds,
    /// Millions of bytes.
    Megabytes,
    /// Something per second.
    PerSecond(&'static str),
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// The value, in the row's unit.
    AtMost(f64),
    /// The value, in the row's unit.
    AtLeast(f64),
    /// The value divided by the baseline.
    RatioAtMost(f64),
    /// The value divided by the baseline.
    RatioAtLeast(f64),
}

impl Report {
    /// A report without figures.
    pub fn new(topic: &'static str, title: &'static str) -> Self {
        Self { topic, title, rows: Vec::new(), not_run: Vec::new() }
    }

    /// Adds a figure.
    pub fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Says what was not measured and which command would make it so.
    pub fn not_run(&mut self, what: impl Into<String>) {
        self.not_run.push(what.into());
    }

    /// Prints the report on standard output.
    pub fn print(&self, arguments: Arguments) {
        if arguments.json { self.print_json() } else { self.print_table() }
    }

    fn print_json(&self) {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let (topic, not_run) = (self.topic, &self.not_run);
        println!("{}", json!({ "topic": topic, "rows": rows, "not_run": not_run }));
    }

    fn print_table(&self) {
        let mut lines =
            vec![["", "median", "mean", "p99", "baseline", "ratio", "goal", ""].map(str::to_owned)];
        lines.extend(self.rows.iter().map(Row::cells));
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
        let widths: Vec<usize> = (0..8).map(|column| width(column).unwrap_or_default()).collect();
        println!("\n{}: {}", self.topic, self.title);
        for line in &lines {
            let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                // Names and verdicts are read from the left, figures compared from the right.
                if matches!(column, 0 | 6 | 7) {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
            println!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
        }
        for what in &self.not_run {
            println!("not run: {what}");
        }
    }
}

impl Row {
    /// A figure without a baseline or a goal.
    pub fn new(name: impl Into<String>, unit: Unit, value: f64) -> Self {
        let name = name.into();
        Self { name, unit, value, spread: None, baseline: None, ratio: None, goal: None }
    }

    /// Adds the mean and the 99th percentile of what the value is the median of, in its unit.
    #[must_use]
    pub fn spread(self, mean: f64, p99: f64) -> Self {
        Self { spread: Some(Spread { mean, p99 }), ..self }
    }

    /// Adds what was measured beside it in the same run, in the same unit.
    #[must_use]
    pub fn beside(self, name: impl Into<String>, value: f64) -> Self {
        Self { baseline: Some((name.into(), value)), ratio: Some(self.value / value), ..self }
    }

    /// Says the ratio to the baseline where it is known better than from the two figures.
    #[must_use]
    pub fn ratio(self, ratio: f64) -> Self {
        Self { ratio: Some(ratio), ..self }
    }

    /// Adds what the figure should be.
    #[must_use]
    pub fn goal(self, goal: Goal) -> Self {
        Self { goal: Some(goal), ..self }
    }

    fn met(&self) -> Option<bool> {
        self.goal.map(|goal| match goal {
            Goal::AtMost(most) => self.value <= most,
            Goal::AtLeast(least) => self.value >= least,
            Goal::RatioAtMost(most) => self.ratio.is_some_and(|ratio| ratio <= most),
            Goal::RatioAtLeast(least) => self.ratio.is_some_and(|ratio| ratio >= least),
        })
    }

    fn cells(&self) -> [String; 8] {
        let figure =
            |value: Option<f64>| value.map(|value| self.unit.show(value)).unwrap_or_default();
        let goal = self.goal.map(|goal| match goal {
            Goal::AtMost(most) => format!("≤ {}", self.unit.show(most)),
            Goal::AtLeast(least) => format!("≥ {}", self.unit.show(least)),
            Goal::RatioAtMost(most) => format!("ratio ≤ {most}"),
            Goal::RatioAtLeast(least) => format!("ratio ≥ {least}"),
        });
        let baseline = self.baseline.as_ref();
        [
            self.name.clone(),
            self.unit.show(self.value),
            figure(self.spread.map(|spread| spread.mean)),
            figure(self.spread.map(|spread| spread.p99)),
            baseline
                .map(|(name, value)| format!("{name} {}", self.unit.show(*value)))
                .unwrap_or_default(),
            self.ratio.map(|ratio| format!("x{}", rounded(ratio))).unwrap_or_default(),
            goal.unwrap_or_default(),
            self.met().map(|met| if met { "met" } else { "MISSED" }).unwrap_or_default().to_owned(),
        ]
    }

    fn json(&self) -> Value {
        let (goal, bound) = match self.goal {
            Some(Goal::AtMost(most)) => (Some("at-most"), Some(most)),
            Some(Goal::AtLeast(least)) => (Some("at-least"), Some(least)),
            Some(Goal::RatioAtMost(most)) => (Some("ratio-at-most"), Some(most)),
            Some(Goal::RatioAtLeast(least)) => (Some("ratio-at-least"), Some(least)),
            None => (None, None),
        };
        json!({
            "row": self.name,
            "unit": self.unit.name(),
            "value": self.value,
            "mean": self.spread.map(|spread| spread.mean),
            "p99": self.spread.map(|spread| spread.p99),
            "baseline": self.baseline.as_ref().map(|(name, _)| name),
            "baseline_value": self.baseline.as_ref().map(|(_, value)| value),
            "ratio": self.ratio,
            "goal": goal,
            "goal_value": bound,
            "met": self.met(),
        })
    }
}

impl Unit {
    fn name(self) -> String {
        match self {
            Self::Nanoseconds => "ns".to_owned(),
            Self::Milliseconds => "ms".to_owned(),
            Self::Megabytes => "MB".to_owned(),
            Self::PerSecond(what) => format!("{what}/s"),
        }
    }

    /// The value as people read it: three digits and the scale that suits it.
    fn show(self, value: f64) -> String {
        match self {
            Self::Nanoseconds if value >= 10_000.0 => format!("{} µs", rounded(value / 1000.0)),
            Self::PerSecond(_) if value >= 1e6 => format!("{:.2} M {}", value / 1e6, self.name()),
            Self::PerSecond(_) if value >= 1e4 => format!("{:.1} k {}", value / 1e3, self.name()),
            _ => format!("{} {}", rounded(value), self.name()),
        }
    }
}

fn rounded(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}
