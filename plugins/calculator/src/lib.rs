//! The tool `calculate`: an arithmetic expression in, its value out.
//!
//! Values are exact fractions as long as they fit, and say so when they are not: `0.1 + 0.2` is `0.3`.
//! The length of an expression and the depth of its parentheses are bounded, and no operation takes
//! longer than a few multiplications, so that every expression is done in microseconds.

mod expression;
mod value;

use loader_sdk::prelude::*;
use serde_json::json;
use value::Value;

/// What an operator may set under `plugins.entries.calculator.config`.
#[config]
struct CalculatorConfig {
    /// How many digits follow the decimal point where a value has no end, or is not exact.
    #[schemars(range(max = 17))]
    digits: u8,
}

impl Default for CalculatorConfig {
    fn default() -> Self {
        Self { digits: 12 }
    }
}

/// What `calculate` takes.
#[arguments]
struct Calculate {
    /// The expression: numbers, + - * / % ^, parentheses, pi, e, and functions such as sqrt(2),
    /// round(2.5), min(1, 2). Angles are in radians. Example: (2 + 3) * 4^2
    #[schemars(length(min = 1, max = 1000))]
    expression: String,
}

struct Calculator {
    digits: u8,
}

impl Plugin for Calculator {
    type Config = CalculatorConfig;

    async fn start(_: Host, config: CalculatorConfig) -> Result<Self> {
        Ok(Self { digits: config.digits.min(17) })
    }
}

impl Tool for Calculator {
    async fn describe(&self, _: Call) -> Result<ToolDescription> {
        Ok(describe_tool::<Calculate>(
            "Works out an arithmetic expression exactly. Use it for every calculation instead of \
             working it out yourself.",
        ))
    }

    async fn call(&self, _: Call, request: CallTool) -> Result<ToolAnswer> {
        let Calculate { expression } = arguments_of(&request)?;
        Ok(match expression::evaluate(&expression) {
            Ok(value) => {
                let content = value.written(usize::from(self.digits));
                let is_exact = matches!(value, Value::Exact { .. });
                let data = json!({ "value": value.to_f64(), "exact": is_exact });
                ToolAnswer { data, ..ToolAnswer::done(content) }
            }
            Err(complaint) => ToolAnswer::failed(complaint.to_string()),
        })
    }
}

impl Health for Calculator {
    async fn check(&self, _: Call) -> Result<HealthReport> {
        Ok(HealthReport::pass())
    }
}

export_plugin! {
    plugin: Calculator,
    id: "calculator",
    provides: [tool: "calculate", health: "calculator"],
}

#[cfg(test)]
mod tests {
    use super::CalculatorConfig;

    #[test]
    fn the_committed_schema_matches_the_type() {
        let schema = loader_sdk::contract::schema::of::<CalculatorConfig>();
        let text = serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
        if std::env::var_os("LOADER_SCHEMAS_ACCEPT").is_some() {
            std::fs::write(path, &text).expect("the schema can be written");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(committed, text, "run: LOADER_SCHEMAS_ACCEPT=1 cargo test -p calculator");
    }
}
