//! Columns that line up.

/// Lays out rows under a heading, two spaces between columns. The cells hold no line breaks.
pub(crate) fn table<const COLUMNS: usize>(
    heading: [&str; COLUMNS],
    rows: &[[String; COLUMNS]],
) -> String {
    let mut widths = heading.map(width);
    for row in rows {
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
}
