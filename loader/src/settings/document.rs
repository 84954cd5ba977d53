//! One TOML document as values that remember their line and column.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::excerpt::excerpt;
use super::key::Key;
use super::node::{Node, Table, Value};
use super::origin::{Layer, Origin};
use super::problem::{Problem, code};

/// How many lines of one file are complained about: past that, one mistake has led to the next.
const REPORTED_LINES: usize = 10;

/// Reads the text of a configuration file. A file with a mistake in its TOML says nothing at all,
/// because what comes after a mistake may not mean what it says.
pub(crate) fn read(text: &str, layer: Layer, file: &Path, problems: &mut Vec<Problem>) -> Table {
    let lines = Lines::of(text);
    let place = |span: Range<usize>| {
        let (line, column) = lines.position(span.start);
        Origin { line: Some(line), column: Some(column), ..Origin::of_file(layer, file) }
    };
    let (document, mistakes) = DeTable::parse_recoverable(text);
    if mistakes.is_empty() {
        Converter { place: &place, problems }.table(document.get_ref(), &Key::default())
    } else {
        problems.extend(describe(text, mistakes, &place));
        Table::new()
    }
}

/// Reads one TOML value that has no file; `None` when it is not one.
pub(crate) fn read_value(text: &str, origin: &Origin) -> Option<Value> {
    let parsed = DeValue::parse(text).ok()?;
    let mut problems = Vec::new();
    let place = |_| origin.clone();
    let mut converter = Converter { place: &place, problems: &mut problems };
    let value = converter.value(&parsed, &Key::default())?;
    problems.is_empty().then_some(value)
}

/// One problem for each line that has a mistake, the first on the line.
fn describe(
    text: &str,
    mut mistakes: Vec<toml::de::Error>,
    place: &dyn Fn(Range<usize>) -> Origin,
) -> Vec<Problem> {
    mistakes.sort_by_key(|mistake| mistake.span().map_or(0, |span| span.start));
    let mut problems: Vec<Problem> = Vec::new();
    for mistake in mistakes {
        let span = mistake.span().unwrap_or(0..0);
        let origin = place(span.clone());
        if problems.last().is_some_and(|last| last.line == origin.line) {
            continue;
        }
        if problems.len() == REPORTED_LINES {
            break;
        }
        problems.push(
            Problem::error(
                code::SYNTAX,
                format!(
                    "invalid TOML: {}, in the line: {}",
                    mistake.message(),
                    excerpt(text, span.start)
                ),
            )
            .at(&origin)
            .hint("mend the line, then run `loader config validate`"),
        );
    }
    problems
}

/// Turns what the TOML crate read into our values.
struct Converter<'a> {
    place: &'a dyn Fn(Range<usize>) -> Origin,
    problems: &'a mut Vec<Problem>,
}

impl Converter<'_> {
    fn table(&mut self, table: &DeTable<'_>, key: &Key) -> Table {
        let mut entries = Table::new();
        for (name, value) in table {
            let named_at = (self.place)(name.span());
            let origin = (self.place)(value.span());
            if let Some(value) = self.value(value, &key.child(name.get_ref())) {
                entries.insert(name.get_ref().to_string(), Node { named_at, origin, value });
            }
        }
        entries
    }

    fn list(&mut self, list: &DeArray<'_>, key: &Key) -> Vec<Node> {
        let mut items = Vec::new();
        for (position, item) in list.iter().enumerate() {
            let origin = (self.place)(item.span());
            if let Some(value) = self.value(item, &key.item(position)) {
                items.push(Node { named_at: origin.clone(), origin, value });
            }
        }
        items
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, key: &Key) -> Option<Value> {
        Some(match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Datetime(moment) => Value::Datetime(moment.to_string()),
            DeValue::Array(list) => Value::List(self.list(list, key)),
            DeValue::Table(table) => Value::Table(self.table(table, key)),
            DeValue::Integer(digits) => {
                let Ok(integer) = i64::from_str_radix(digits.as_str(), digits.radix()) else {
                    self.refuse_number(value.span(), key);
                    return None;
                };
                Value::Integer(integer)
            }
            DeValue::Float(digits) => match digits.as_str().parse::<f64>() {
                Ok(float) if float.is_finite() => Value::Float(float),
                _ => {
                    self.refuse_number(value.span(), key);
                    return None;
                }
            },
        })
    }

    fn refuse_number(&mut self, span: Range<usize>, key: &Key) {
        self.problems.push(
            Problem::error(code::VALUE, format!("`{key}` is a number that cannot be represented"))
                .at(&(self.place)(span))
                .hint("integers have 64 bits, and floats are finite"),
        );
    }
}

/// Finds the line and column of an offset without reading the text again each time.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(offset, _)| offset + 1);
        Self { text, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// The line and the column of an offset, both from 1, the column in characters.
    fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= offset);
        let before = self.text.get(self.starts[line - 1]..offset).unwrap_or_default();
        // A byte order mark is part of the text but of no line.
        (line, before.trim_start_matches('\u{feff}').chars().count() + 1)
    }
}
