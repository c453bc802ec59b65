//! Several files become one.

use crate::{
    damaged::{Damaged, Unwritten},
    names::{Names, Renumbering},
    plain::Plain,
    segment::{Columns, Scan, Segment},
    source::Source,
    writer::{Writer, Written},
};
use std::{io::Write, mem, slice};

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
            heads.push(head);
        }
    }
    let mut heap: Vec<Next> = heads.iter().enumerate().map(|(input, head)| head.next(input)).collect();
    for place in (0..heap.len() / 2).rev() {
        sink(&mut heap, &heads, place);
    }
    while let Some(next) = heap.first_mut() {
        let head = &mut heads[next.input];
        if writer.last() != Some(head.row()) {
            writer.push(slice::from_ref(head.row()))?;
        }
        head.at += 1;
        if head.at < head.rows.len() || head.refill(&hours)? {
            *next = head.next(next.input);
        } else {
            heap.swap_remove(0);
        }
        sink(&mut heap, &heads, 0);
    }
    Ok(writer.finish(facts)?.0)
}

/// The next row of an input, in a heap that has the least of them on top.
#[derive(Clone, Copy)]
struct Next {
    /// As much of where the row stands as nearly always tells two apart.
    place: u128,
    input: usize,
}

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
        self.at = 0;
        if !self.scan.next(hours)? {
            self.rows.clear();
            return Ok(false);
        }
        mem::swap(&mut self.rows, &mut self.scan.rows);
        self.rows.retain_mut(|row| match self.renumbering.apply(row) {
            Some(renumbered) => {
                *row = renumbered;
                true
            }
            None => false,
        });
        Ok(!self.rows.is_empty())
    }

    fn row(&self) -> &Plain {
        &self.rows[self.at]
    }

    fn next(&self, input: usize) -> Next {
        Next { place: self.row().place(), input }
    }
}

/// Moves the input at `place` down to where it belongs.
fn sink<S: Source>(heap: &mut [Next], heads: &[Head<'_, S>], mut place: usize) {
    let is_before = |one: &Next, other: &Next| {
        if one.place == other.place {
            heads[one.input].row() < heads[other.input].row()
        } else {
            one.place < other.place
        }
    };
    while let Some(left) = heap.get(2 * place + 1) {
        // Which of two comes first nobody can foresee, a processor no more than we: it is added, and no branch taken.
        let right_is_less = heap.get(2 * place + 2).is_some_and(|right| is_before(right, left));
        let least = 2 * place + 1 + usize::from(right_is_less);
        if !is_before(&heap[least], &heap[place]) {
            return;
        }
        heap.swap(place, least);
        place = least;
    }
}
