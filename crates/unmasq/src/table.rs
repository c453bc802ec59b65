//! Columns of text, as wide as what is in them.

use crate::style::{DIM, paint};
use std::fmt::Write;

/// Where a column's text stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table with a head; the last column is never padded.
pub(crate) struct Table {
    align: Vec<Align>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(head: [(&str, Align); N]) -> Self {
        Self {
            align: head.map(|(_, align)| align).into(),
            rows: vec![head.map(|(name, _)| name.to_owned()).into()],
        }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.into());
    }

    /// The table, each line indented by two spaces.
    pub(crate) fn render(&self) -> String {
        let widths: Vec<usize> = (0..self.align.len())
            .map(|column| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::from("  ");
            for (column, cell) in row.iter().enumerate() {
                let width = widths[column];
                // Writing to a String cannot fail.
                let _ = match self.align[column] {
                    Align::Right => write!(line, "{cell:>width$}  "),
                    Align::Left => write!(line, "{cell:<width$}  "),
                };
            }
            let line = line.trim_end();
            let _ =
                if number == 0 { writeln!(text, "{}", paint(DIM, line)) } else { writeln!(text, "{line}") };
        }
        text
    }
}
