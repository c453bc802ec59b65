//! Several layouts, one of which has written a line.

use super::{Cells, Division, Layout, Name, Part};

/// Layouts in the order in which they are tried.
///
/// A product's own layouts begin alike. What the layout before has found out about a line up to where it
/// begins to differ is not found out again, so that all of them cost little more than the one that fits.
#[derive(Clone)]
pub(crate) struct Layouts<F>(Vec<Turn<F>>);

#[derive(Clone)]
struct Turn<F> {
    layout: Layout<F>,
    /// How many edges it finds where the layout before finds them.
    alike: usize,
}

impl<F: Name> Layouts<F> {
    /// In this order.
    pub(crate) fn new(layouts: impl IntoIterator<Item = Layout<F>>) -> Self {
        let mut turns: Vec<Turn<F>> = Vec::new();
        for layout in layouts {
            let alike = turns.last().map_or(0, |before| alike(&before.layout, &layout));
            turns.push(Turn { layout, alike });
        }
        Self(turns)
    }

    /// What `take` makes of the cells of the first layout that can have written the line, and of which it
    /// makes something; it is also told which layout that is.
    pub(crate) fn find_map<'l, T>(
        &self,
        line: &'l str,
        division: &mut Division,
        mut take: impl FnMut(usize, Cells<'_, 'l, F>) -> Option<T>,
    ) -> Option<T> {
        // Whether `division` is how far the layout before got.
        let mut is_known = false;
        self.0.iter().enumerate().find_map(|(at, Turn { layout, alike })| {
            if !is_known {
                division.clear();
            } else if division.known < *alike {
                // What the one before did not find, this one does not find either.
                return None;
            } else {
                division.known = (*alike).max(1);
            }
            // Of a line that is divided only those places are left that lead to its end.
            is_known = !layout.divides(line, division);
            if is_known { None } else { take(at, Cells { layout, line, division }) }
        })
    }
}

/// How many edges two layouts find at the same places: each depends on what is before it, and on the part
/// after it, which may end the one before.
fn alike<F>(one: &Layout<F>, other: &Layout<F>) -> usize {
    let pairs = one.parts.iter().zip(&other.parts);
    pairs.take_while(|(one, other)| is_alike(one, other)).count()
}

fn is_alike<F>(one: &Part<F>, other: &Part<F>) -> bool {
    match (one, other) {
        (Part::Text(one), Part::Text(other)) => one == other,
        (Part::Field(_, one), Part::Field(_, other)) => one == other,
        _ => false,
    }
}
