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

mod division;
mod layouts;
mod shape;
#[cfg(test)]
pub(crate) mod slowly;
mod walk;

use crate::{BadLayout, Unreadable};
pub(crate) use division::Division;
use division::Edge;
pub(crate) use layouts::Layouts;
pub(crate) use shape::Shape;
use walk::Step;

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
    /// How to get past each of them.
    steps: Vec<Step>,
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
        let steps = (0..joined.len()).map(|at| Step::of(&joined[at..])).collect();
        Ok(Self { parts: joined, steps, fields })
    }

    /// Whether it has the field.
    #[inline]
    pub(crate) fn has(&self, field: F) -> bool {
        self.place(field).is_some()
    }

    /// What stands in a part, without what only fills its place.
    fn trimmed<'l>(&self, at: usize, text: &'l str) -> &'l str {
        match &self.parts[at] {
            Part::Field(_, shape) => shape.trim(text),
            Part::Text(_) => text,
        }
    }

    #[inline]
    fn place(&self, field: F) -> Option<usize> {
        *self.fields.get(field.number())?
    }

    /// Divides a line; `None` if it was not written by this layout.
    pub(crate) fn read<'p, 'l>(
        &'p self,
        line: &'l str,
        division: &'p mut Division,
    ) -> Option<Cells<'p, 'l, F>> {
        division.clear();
        self.divides(line, division).then_some(Cells { layout: self, line, division })
    }

    /// Whether a line was written by this layout, given the edges that are known; if so, `division` says how.
    fn divides(&self, line: &str, division: &mut Division) -> bool {
        let divides = self.walk(line, division);
        if divides {
            self.prune(line, division);
        }
        divides
    }
}

impl<'l, F: Name> Cells<'_, 'l, F> {
    /// Whether the layout has the field.
    #[inline]
    pub(crate) fn has(&self, field: F) -> bool {
        self.layout.has(field)
    }

    /// The field's text, trimmed of padding where its shape has any; `None` if the layout has no such
    /// field. If it has the field twice, the first.
    ///
    /// # Errors
    /// When the field could begin or end at two places.
    #[inline]
    pub(crate) fn get(&self, field: F) -> Result<Option<&'l str>, Unreadable> {
        match self.layout.place(field) {
            Some(at) => self.part(at).map(Some),
            None => Ok(None),
        }
    }

    /// Two fields with the literal that stands between them; `None` if that is none of the layout's places
    /// for them.
    pub(crate) fn joined(&self, one: F, literal: &str, other: F) -> Option<&'l str> {
        let at = self.layout.place(one)?;
        let [Part::Field(..), Part::Text(between), Part::Field(..)] = self.layout.parts.get(at..at + 3)?
        else {
            return None;
        };
        let follows = between == literal && self.layout.place(other) == Some(at + 2);
        match self.division.edges[at..] {
            [Edge::At(start), Edge::At(_), Edge::At(_), Edge::At(end), ..] if follows => {
                Some(&self.line[start as usize..end as usize])
            }
            _ => None,
        }
    }

    #[inline]
    fn part(&self, at: usize) -> Result<&'l str, Unreadable> {
        let [Edge::At(start), Edge::At(end), ..] = self.division.edges[at..] else { return Err(UNDECIDED) };
        let text = &self.line[start as usize..end as usize];
        Ok(match self.layout.steps[at] {
            Step::Captures | Step::Search => self.layout.trimmed(at, text),
            _ => text,
        })
    }
}

#[cfg(test)]
mod tests;
