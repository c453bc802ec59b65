//! Several files become one.

use crate::{
    damaged::{Damaged, Unwritten},
    names::{Names, Renumbering},
    plain::Plain,
    segment::{Columns, Scan, Segment},
    source::Source,
    writer::{Writer, Written},
};
use std::io::Write;

/// Writes the rows of all `inputs` that are filed under hours of which `hours` says so as one file. Rows that
/// are the same in everything become one. A page of each input is held, and one row group.
///
/// # Errors
/// If an input is damaged, or what the output says; what was written until then is no file.
pub fn merge<S: Source>(
    inputs: &[&Segment<S>],
    hours: impl Fn(i32) -> bool,
    facts: &[(&str, &str)],
    out: impl Write,
) -> Result<Written, Unwritten> {
    let names = Names::union(&inputs.iter().map(|input| input.names()).collect::<Vec<_>>());
    let mut writer = Writer::new(out, &names)?;
    let mut heads = Vec::with_capacity(inputs.len());
    for input in inputs {
        let mut head = Head {
            scan: Scan::new(input, Columns::All),
            renumbering: Renumbering::new(input.names(), &names),
            rows: Vec::new(),
            at: 0,
        };
        if head.refill(&hours)? {
            heads.push(Box::new(head));
        }
    }
    // A heap of the inputs, the one with the least row on top.
    for place in (0..heads.len() / 2).rev() {
        sink(&mut heads, place);
    }
    let mut batch: Vec<Plain> = Vec::with_capacity(BATCH);
    let mut last = None;
    while let Some(head) = heads.first_mut() {
        let row = head.rows[head.at];
        if last != Some(row) {
            last = Some(row);
            batch.push(row);
            if batch.len() == BATCH {
                writer.push(&batch)?;
                batch.clear();
            }
        }
        head.at += 1;
        if head.at == head.rows.len() && !head.refill(&hours)? {
            heads.swap_remove(0);
        }
        sink(&mut heads, 0);
    }
    writer.push(&batch)?;
    Ok(writer.finish(facts)?.0)
}

/// How many rows are handed on at a time.
const BATCH: usize = 4_096;

/// How far an input has been merged.
struct Head<'s, S> {
    scan: Scan<'s, S>,
    renumbering: Renumbering,
    /// Rows with the numbers that names have in the output.
    rows: Vec<Plain>,
    at: usize,
}

impl<S: Source> Head<'_, S> {
    /// Reads on; `false` if there is nothing more.
    fn refill(&mut self, hours: &impl Fn(i32) -> bool) -> Result<bool, Damaged> {
        self.rows.clear();
        self.at = 0;
        if !self.scan.next(hours)? {
            return Ok(false);
        }
        self.rows.extend(self.scan.rows.iter().filter_map(|row| self.renumbering.apply(row)));
        Ok(!self.rows.is_empty())
    }

    fn row(&self) -> &Plain {
        &self.rows[self.at]
    }
}

/// Moves the head at `place` down to where it belongs.
fn sink<S: Source>(heads: &mut [Box<Head<'_, S>>], mut place: usize) {
    loop {
        let children = (2 * place + 1)..heads.len().min(2 * place + 3);
        let Some(least) = children.min_by(|&a, &b| heads[a].row().cmp(heads[b].row())) else { return };
        if heads[place].row() <= heads[least].row() {
            return;
        }
        heads.swap(place, least);
        place = least;
    }
}
