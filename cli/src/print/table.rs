//! Columns as wide as their widest cell.

use anstyle::Style;

use super::{LOUD, paint};

/// A table under its titles; a cell is painted after it is padded.
pub(super) fn table(titles: &[&str], rows: &[Vec<(String, Style)>], indent: usize) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|(text, _)| text.chars().count());
        cells.chain(titles.get(column).map(|title| title.chars().count())).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..titles.len()).map(width).collect();
    let head: Vec<_> = titles.iter().map(|title| ((*title).to_owned(), LOUD)).collect();
    let mut text = String::new();
    for row in core::iter::once(&head).chain(rows) {
        let cells = row.iter().zip(&widths).map(|((text, style), width)| {
            let padding = " ".repeat(width - text.chars().count());
            format!("{}{padding}", paint(*style, text))
        });
        let line = cells.collect::<Vec<_>>().join("  ");
        text.push_str(&" ".repeat(indent));
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
