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

/// A longer line is not read. HAProxy cuts at 64 KiB by default at most; requests are far shorter.
const LINE: usize = 64 * 1024;

/// More literals and fields than any log has.
const PARTS: usize = 512;

/// How many places may be in question at once before a line counts as undecidable.
const CANDIDATES: usize = 256;

/// A compiled format string; `F` names its fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Layout<F> {
    parts: Vec<Part<F>>,
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
    parts: &'p [Part<F>],
    line: &'l str,
    /// For each edge between parts, and the two outer ones, the places where it may be.
    edges: Vec<Vec<usize>>,
}

/// A field that could begin or end at two places.
const UNDECIDED: Unreadable = Unreadable::because("it can be divided into its fields in more than one way");

impl<F: Copy + PartialEq> Layout<F> {
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
        Ok(Self { parts: joined })
    }

    /// Whether it has the field.
    pub(crate) fn has(&self, field: F) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Field(Some(own), _) if *own == field))
    }

    /// Divides a line; `None` if it was not written by this layout.
    pub(crate) fn read<'l>(&self, line: &'l str) -> Option<Cells<'_, 'l, F>> {
        if line.len() > LINE {
            return None;
        }
        let mut edges = vec![vec![0]];
        for (at, part) in self.parts.iter().enumerate() {
            let starts = edges.last()?;
            let ends = match part {
                Part::Text(text) => {
                    let here = starts.iter().filter(|&&start| line[start..].starts_with(text.as_str()));
                    here.map(|start| start + text.len()).collect()
                }
                Part::Field(_, shape) => self.ends(*shape, at, line, starts),
            };
            if ends.is_empty() || ends.len() > CANDIDATES {
                return None;
            }
            edges.push(ends);
        }
        // The last part must end with the line.
        edges.last_mut()?.retain(|&end| end == line.len());
        if edges.last()?.is_empty() {
            return None;
        }
        self.prune(line, &mut edges);
        Some(Cells { parts: &self.parts, line, edges })
    }

    /// Where a field may end: where the literal after it stands, as far as its shape reaches.
    fn ends(&self, shape: Shape, at: usize, line: &str, starts: &[usize]) -> Vec<usize> {
        let mut ends = Vec::new();
        let mut searched = 0;
        for &start in starts {
            if shape == Shape::Captures {
                ends.extend(shape::captures(line, start));
                continue;
            }
            // What an earlier start has searched need not be searched again: shapes run on alike.
            if start < searched {
                continue;
            }
            let (least, run) = (shape.least(line, start), shape.run(line, start));
            searched = run + 1;
            match self.parts.get(at + 1) {
                None => ends.extend((run == line.len() && least <= run).then_some(run)),
                Some(Part::Text(text)) => {
                    ends.extend(occurrences(line, least, run, text).take(CANDIDATES + 1));
                }
                Some(Part::Field(..)) => {
                    let boundaries = (least..=run).filter(|&end| line.is_char_boundary(end));
                    ends.extend(boundaries.take(CANDIDATES + 1));
                }
            }
            if ends.len() > CANDIDATES {
                break;
            }
        }
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// Takes away every place from which the end of the line cannot be reached.
    fn prune(&self, line: &str, edges: &mut [Vec<usize>]) {
        for at in (0..self.parts.len()).rev() {
            let (before, after) = edges.split_at_mut(at + 1);
            let (starts, ends) = (&mut before[at], &after[0]);
            if starts.len() == 1 {
                continue;
            }
            match &self.parts[at] {
                Part::Text(text) => starts.retain(|start| ends.binary_search(&(start + text.len())).is_ok()),
                Part::Field(_, Shape::Captures) => starts.retain(|&start| {
                    shape::captures(line, start).into_iter().any(|end| ends.binary_search(&end).is_ok())
                }),
                Part::Field(_, shape) => {
                    let mut run = None;
                    starts.retain(|&start| {
                        let reach = run.filter(|&run| start <= run).unwrap_or_else(|| shape.run(line, start));
                        run = Some(reach);
                        let least = shape.least(line, start);
                        let next = ends.partition_point(|&end| end < least);
                        ends.get(next).is_some_and(|&end| end <= reach)
                    });
                }
            }
        }
    }
}

impl<'l, F: Copy + PartialEq> Cells<'_, 'l, F> {
    /// Whether the layout has the field.
    pub(crate) fn has(&self, field: F) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Field(Some(own), _) if *own == field))
    }

    /// The field's text, trimmed of padding where its shape has any; `None` if the layout has no such
    /// field. If it has the field twice, the first.
    ///
    /// # Errors
    /// When the field could begin or end at two places.
    pub(crate) fn get(&self, field: F) -> Result<Option<&'l str>, Unreadable> {
        let found = self.parts.iter().enumerate().find_map(|(at, part)| match part {
            Part::Field(Some(own), shape) if *own == field => Some((at, shape)),
            _ => None,
        });
        let Some((at, shape)) = found else { return Ok(None) };
        match (&self.edges[at][..], &self.edges[at + 1][..]) {
            (&[start], &[end]) => Ok(Some(shape.trim(&self.line[start..end]))),
            _ => Err(UNDECIDED),
        }
    }
}

#[cfg(test)]
mod tests;
