//! The plain way to divide a line, which the quick one is held against: every edge has the set of places
//! where it may be, forwards first, then without those from which the end cannot be reached.

use super::{CANDIDATES, Cells, LINE, Layout, Name, Part, Shape, shape};
use std::collections::BTreeSet;

type Places = BTreeSet<usize>;

/// The fields of a line by their numbers: `None` for one that the layout has not, `None` within for one that
/// is not decided.
pub(crate) type Values<'l> = Vec<Option<Option<&'l str>>>;

/// What cells say that were found quickly.
pub(crate) fn values<'l, F: Name>(cells: &Cells<'_, 'l, F>) -> Values<'l> {
    cells.layout.fields.iter().map(|at| at.map(|at| cells.part(at).ok())).collect()
}

/// Divides a line; `None` if it was not written by the layout.
pub(crate) fn read<'l, F: Name>(layout: &Layout<F>, line: &'l str) -> Option<Values<'l>> {
    let edges = edges(layout, line)?;
    let decided = |at: usize| {
        let place = edges[at].first()?;
        (edges[at].len() == 1).then_some(*place)
    };
    let value = |at: usize| {
        let Part::Field(_, shape) = &layout.parts[at] else { return None };
        Some(shape.trim(&line[decided(at)?..decided(at + 1)?]))
    };
    Some(layout.fields.iter().map(|at| at.map(value)).collect())
}

fn edges<F>(layout: &Layout<F>, line: &str) -> Option<Vec<Places>> {
    let mut edges = vec![Places::from([0])];
    for (at, part) in layout.parts.iter().enumerate() {
        let next = layout.parts.get(at + 1);
        let ends = ends(part, next, line, &edges[at]);
        if ends.is_empty() || ends.len() > CANDIDATES || line.len() > LINE {
            return None;
        }
        edges.push(ends);
    }
    edges.last_mut()?.retain(|end| *end == line.len());
    for at in (0..layout.parts.len()).rev() {
        let (part, next) = (&layout.parts[at], layout.parts.get(at + 1));
        let (before, after) = edges.split_at_mut(at + 1);
        let mut run = 0;
        before[at].retain(|&start| match part {
            Part::Field(_, shape) if *shape != Shape::Captures => {
                // As far as from the first start that reaches this one: shapes run on alike.
                run = if start <= run && run > 0 { run } else { shape.run(line, start) };
                after[0].iter().any(|end| (shape.least(line, start)..=run).contains(end))
            }
            _ => ends(part, next, line, &Places::from([start])).iter().any(|end| after[0].contains(end)),
        });
    }
    (!edges[0].is_empty()).then_some(edges)
}

fn ends<F>(part: &Part<F>, next: Option<&Part<F>>, line: &str, starts: &Places) -> Places {
    let mut ends = Places::new();
    let mut searched = 0;
    for &start in starts {
        match part {
            Part::Text(text) => {
                ends.extend(
                    line.as_bytes()[start..].starts_with(text.as_bytes()).then_some(start + text.len()),
                );
            }
            Part::Field(_, Shape::Captures) => {
                let (here, after) = shape::captures(line, start);
                ends.extend([here].into_iter().chain(after));
            }
            Part::Field(..) if start < searched => {}
            Part::Field(_, shape) => {
                searched = shape.run(line, start) + 1;
                let may_end = |end: &usize| match next {
                    None => *end == line.len(),
                    Some(Part::Text(text)) => line.as_bytes()[*end..].starts_with(text.as_bytes()),
                    Some(Part::Field(..)) => line.is_char_boundary(*end),
                };
                ends.extend((shape.least(line, start)..=shape.run(line, start)).filter(may_end));
            }
        }
    }
    ends
}
