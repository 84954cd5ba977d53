//! Columns that line up.

use super::harmless;

/// Lays out rows under a heading, two spaces between columns. What is in a cell stays there, on one line.
pub(crate) fn table<const COLUMNS: usize>(
    heading: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> String {
    let flat = |cell: &String| harmless(&cell.replace(['\n', '\r', '\t'], " "));
    let rows: Vec<[String; COLUMNS]> = rows.iter().map(|row| row.each_ref().map(flat)).collect();
    let mut widths = heading.map(width);
    for row in &rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).max(*widest);
        }
    }
    let line = |cells: [&str; COLUMNS]| {
        let mut line = String::new();
        for (cell, width) in cells.into_iter().zip(widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        format!("{}\n", line.trim_end())
    };
    let rows = rows.iter().map(|row| line(row.each_ref().map(String::as_str)));
    std::iter::once(line(heading)).chain(rows).collect()
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_have_no_trailing_spaces() {
        let rows = [["longer".to_owned(), "b".to_owned()], ["ü".to_owned(), String::new()]];
        assert_eq!(table(["A", "TWO"], &rows), "A       TWO\nlonger  b\nü\n");
        assert_eq!(table(["A", "TWO"], &[]), "A  TWO\n");
    }

    #[test]
    fn no_cell_leaves_its_place() {
        let rows = [["a\nb\u{1b}[2J".to_owned(), "c".to_owned()]];
        assert_eq!(table(["A", "B"], &rows), "A             B\na b\\u{1b}[2J  c\n");
    }
}
