//! Lines written by a format string: nginx's `log_format`, HAProxy's `log-format`, Squid's `logformat`.
//!
//! Each product's own syntax is compiled by its format's file into a [`Layout`]: literals and fields in
//! turn. Reading a line asks in how many ways it can be divided so that every literal stands where it
//! must and every field has the shape of its kind. A client writes parts of these lines, so a field that
//! could begin or end at two places is not read but refused: which of the two is meant would be the
//! client's choice.
//!
//! Bounds: time and memory grow with the line's length times the layout's, never faster; a line or a
//! layout beyond [`LINE`] and [`PARTS`] is not read at all.

mod shape;

use crate::{BadLayout, Unreadable};
pub(crate) use shape::Shape;
use shape::occurrences;
use std::ops::Range;

/// A longer line is not read. HAProxy cuts at 64 KiB by default at most; requests are far shorter.
const LINE: usize = 64 * 1024;

/// More literals and fields than any log has.
const PARTS: usize = 512;

/// How many places may be in question at once before a line counts as undecidable.
const CANDIDATES: usize = 256;

/// The name of a field: one of an enumeration.
pub(crate) trait Name: Copy {
    /// Which one it is, from 0.
    fn number(self) -> usize;
}

/// A compiled format string; `F` names its fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout<F> {
    parts: Vec<Part<F>>,
    /// By a field's number, where in `parts` it stands first.
    fields: Vec<Option<usize>>,
}

/// One part of a layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Part<F> {
    /// Stands there as it is.
    Text(String),
    /// A value; `None` if nobody asks for it.
    Field(Option<F>, Shape),
}

/// Where the parts of one line are.
pub(crate) struct Cells<'p, 'l, F> {
    layout: &'p Layout<F>,
    line: &'l str,
    division: &'p Division,
}

/// For each edge between parts, and the two outer ones, the places where it may be, in order: nearly
/// always one. Kept from line to line for its memory.
#[derive(Clone, Default)]
pub(crate) struct Division {
    places: Vec<u32>,
    /// Where in `places` those of each edge are.
    ranges: Vec<(u32, u32)>,
}

impl Division {
    fn clear(&mut self) {
        self.places.clear();
        self.ranges.clear();
    }

    /// Ends an edge: its places are those added since the one before. Gives how many there are.
    fn end(&mut self) -> usize {
        let from = self.ranges.last().map_or(0, |(_, end)| *end);
        self.ranges.push((from, place(self.places.len())));
        self.places.len() - from as usize
    }

    fn of(&self, edge: usize) -> &[u32] {
        let (start, end) = self.ranges[edge];
        &self.places[start as usize..end as usize]
    }

    /// Puts the places from the `from`th on in order, each once.
    fn sort(&mut self, from: usize) {
        self.places[from..].sort_unstable();
        let mut kept = from;
        for at in from..self.places.len() {
            if at == from || self.places[at] != self.places[kept - 1] {
                self.places[kept] = self.places[at];
                kept += 1;
            }
        }
        self.places.truncate(kept);
    }

    /// Keeps of an edge's places those that `keep` wants, given those of the edge after it.
    fn retain(&mut self, edge: usize, mut keep: impl FnMut(usize, &[u32]) -> bool) {
        let (start, end) = self.ranges[edge];
        let next = self.ranges.get(edge + 1).copied().unwrap_or((end, end));
        let (before, after) = self.places.split_at_mut(end as usize);
        let next = &after[(next.0 - end) as usize..(next.1 - end) as usize];
        let mut kept = start;
        for at in start..end {
            let candidate = before[at as usize];
            if keep(candidate as usize, next) {
                before[kept as usize] = candidate;
                kept += 1;
            }
        }
        self.ranges[edge].1 = kept;
    }
}

/// A place in a line, which is no longer than [`LINE`].
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// A field that could begin or end at two places.
const UNDECIDED: Unreadable = Unreadable::because("it can be divided into its fields in more than one way");

impl<F: Name> Layout<F> {
    /// Literals that follow each other become one.
    ///
    /// # Errors
    /// When it has more parts than any log has, or no field at all.
    pub(crate) fn new(parts: impl IntoIterator<Item = Part<F>>) -> Result<Self, BadLayout> {
        let mut joined: Vec<Part<F>> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (_, Part::Text(text)) if text.is_empty() => {}
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (_, part) => joined.push(part),
            }
            if joined.len() > PARTS {
                return Err(BadLayout(format!("it has more than {PARTS} parts")));
            }
        }
        if !joined.iter().any(|part| matches!(part, Part::Field(..))) {
            return Err(BadLayout("it has no field".to_owned()));
        }
        let mut fields = Vec::new();
        for (at, part) in joined.iter().enumerate() {
            let Part::Field(Some(field), _) = part else { continue };
            fields.resize(fields.len().max(field.number() + 1), None);
            fields[field.number()].get_or_insert(at);
        }
        Ok(Self { parts: joined, fields })
    }

    /// Whether it has the field.
    pub(crate) fn has(&self, field: F) -> bool {
        self.place(field).is_some()
    }

    fn place(&self, field: F) -> Option<usize> {
        *self.fields.get(field.number())?
    }

    /// Divides a line; `None` if it was not written by this layout.
    pub(crate) fn read<'p, 'l>(
        &'p self,
        line: &'l str,
        division: &'p mut Division,
    ) -> Option<Cells<'p, 'l, F>> {
        self.divides(line, division).then(|| self.cells(line, division))
    }

    /// The cells of a line that this layout [divides](Self::divides) like this.
    pub(crate) fn cells<'p, 'l>(&'p self, line: &'l str, division: &'p Division) -> Cells<'p, 'l, F> {
        Cells { layout: self, line, division }
    }

    /// Whether a line was written by this layout; if so, `division` says how.
    pub(crate) fn divides(&self, line: &str, division: &mut Division) -> bool {
        if line.len() > LINE {
            return false;
        }
        division.clear();
        division.places.push(0);
        division.end();
        let mut starts = 0..1;
        for (at, part) in self.parts.iter().enumerate() {
            let ends = division.places.len();
            match part {
                Part::Text(text) => {
                    for start in starts {
                        let start = division.places[start] as usize;
                        if line.as_bytes()[start..].starts_with(text.as_bytes()) {
                            division.places.push(place(start + text.len()));
                        }
                    }
                }
                Part::Field(_, shape) => self.ends(*shape, at, line, starts, division),
            }
            starts = ends..division.places.len();
            let count = division.end();
            if count == 0 || count > CANDIDATES {
                return false;
            }
        }
        // The last part must end with the line.
        division.retain(self.parts.len(), |end, _| end == line.len());
        let divided = !division.of(self.parts.len()).is_empty();
        if divided {
            self.prune(line, division);
        }
        divided
    }

    /// Adds where a field may end: where the literal after it stands, as far as its shape reaches.
    fn ends(&self, shape: Shape, at: usize, line: &str, starts: Range<usize>, division: &mut Division) {
        let several = starts.len() > 1;
        let first = division.places.len();
        let mut searched = 0;
        for start in starts {
            let start = division.places[start] as usize;
            if shape == Shape::Captures {
                let (here, after) = shape::captures(line, start);
                division.places.push(place(here));
                division.places.extend(after.map(place));
                continue;
            }
            // What an earlier start has searched need not be searched again: shapes run on alike.
            if start < searched {
                continue;
            }
            let (least, run) = (shape.least(line, start), shape.run(line, start));
            searched = run + 1;
            match self.parts.get(at + 1) {
                None => division.places.extend((run == line.len() && least <= run).then_some(place(run))),
                // A literal that begins with what the field cannot hold stands at its end, or nowhere.
                Some(Part::Text(text)) if least <= run && !shape.may_hold(text.as_bytes()[0]) => {
                    if line.as_bytes()[run..].starts_with(text.as_bytes()) {
                        division.places.push(place(run));
                    }
                }
                Some(Part::Text(text)) => {
                    let found = occurrences(line, least, run, text).take(CANDIDATES + 1);
                    found.for_each(|end| division.places.push(place(end)));
                }
                Some(Part::Field(..)) => {
                    let boundaries = (least..=run).filter(|&end| line.is_char_boundary(end));
                    division.places.extend(boundaries.take(CANDIDATES + 1).map(place));
                }
            }
            if division.places.len() - first > CANDIDATES {
                break;
            }
        }
        if several {
            division.sort(first);
        }
    }

    /// Takes away every place from which the end of the line cannot be reached.
    fn prune(&self, line: &str, division: &mut Division) {
        for at in (0..self.parts.len()).rev() {
            if division.of(at).len() == 1 {
                continue;
            }
            let holds = |ends: &[u32], end: usize| ends.binary_search(&place(end)).is_ok();
            match &self.parts[at] {
                Part::Text(text) => division.retain(at, |start, ends| holds(ends, start + text.len())),
                Part::Field(_, Shape::Captures) => division.retain(at, |start, ends| {
                    let (here, after) = shape::captures(line, start);
                    holds(ends, here) || after.is_some_and(|end| holds(ends, end))
                }),
                Part::Field(_, shape) => {
                    let mut run = None;
                    division.retain(at, |start, ends| {
                        let reach = run.filter(|&run| start <= run).unwrap_or_else(|| shape.run(line, start));
                        run = Some(reach);
                        let least = shape.least(line, start);
                        let next = ends.partition_point(|&end| (end as usize) < least);
                        ends.get(next).is_some_and(|&end| end as usize <= reach)
                    });
                }
            }
        }
    }
}

impl<'l, F: Name> Cells<'_, 'l, F> {
    /// Whether the layout has the field.
    pub(crate) fn has(&self, field: F) -> bool {
        self.layout.has(field)
    }

    /// The field's text, trimmed of padding where its shape has any; `None` if the layout has no such
    /// field. If it has the field twice, the first.
    ///
    /// # Errors
    /// When the field could begin or end at two places.
    pub(crate) fn get(&self, field: F) -> Result<Option<&'l str>, Unreadable> {
        let Some(at) = self.layout.place(field) else { return Ok(None) };
        let Part::Field(_, shape) = &self.layout.parts[at] else { return Ok(None) };
        match (self.division.of(at), self.division.of(at + 1)) {
            (&[start], &[end]) => Ok(Some(shape.trim(&self.line[start as usize..end as usize]))),
            _ => Err(UNDECIDED),
        }
    }
}

#[cfg(test)]
mod tests;
