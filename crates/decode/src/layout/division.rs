//! Where the parts of one line are.

/// Where an edge between two parts may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Edge {
    /// At one place: nearly always.
    At(u32),
    /// At any of several; from and to where they are in [`Division::places`].
    Among(u32, u32),
}

/// For each edge between parts, and the two outer ones, the places where it may be. Kept from line to line
/// for its memory.
#[derive(Clone, Default)]
pub(crate) struct Division {
    /// Of which so many are known.
    pub(super) edges: Vec<Edge>,
    pub(super) known: usize,
    /// Of the edges that may be at several places those, each once and in order.
    places: Vec<u32>,
    /// Those of one edge while they are looked for.
    found: Vec<u32>,
}

impl Division {
    /// Begins anew: all that is known is where a line begins.
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.known = 0;
        self.reserve(1);
        self.push(Edge::At(0));
    }

    /// Has room for so many edges.
    pub(super) fn reserve(&mut self, edges: usize) {
        if self.edges.len() < edges {
            self.edges.resize(edges, Edge::At(0));
        }
    }

    /// The number of the last edge that is known, and where that is.
    pub(super) fn last(&self) -> (usize, Edge) {
        let last = self.known - 1;
        (last, self.edges[last])
    }

    /// The next edge is known too.
    pub(super) fn push(&mut self, edge: Edge) {
        self.edges[self.known] = edge;
        self.known += 1;
    }

    /// Whether every edge was at one place as soon as it was found.
    pub(super) fn is_plain(&self) -> bool {
        self.places.is_empty()
    }

    /// Where an edge may be.
    pub(super) fn of(&self, edge: usize) -> &[u32] {
        places_of(&self.edges[edge], &self.places)
    }

    /// The next edge, after one that may be at several places: wherever `find` finds it, given the places of
    /// that one, and `leads_on` says so where there are several. `None` if that is nowhere, or if it is found
    /// at more places than `most`.
    pub(super) fn next(
        &mut self,
        before: Edge,
        most: usize,
        find: impl FnOnce(&[u32], &mut Vec<u32>),
        mut leads_on: impl FnMut(u32) -> bool,
    ) -> Option<Edge> {
        self.found.clear();
        find(places_of(&before, &self.places), &mut self.found);
        if !self.found.is_sorted_by(|one, next| one < next) {
            self.found.sort_unstable();
            self.found.dedup();
        }
        match self.found.len() {
            0 | 1 => {}
            count if count > most => return None,
            _ => self.found.retain(|&place| leads_on(place)),
        }
        match self.found[..] {
            [] => None,
            [only] => Some(Edge::At(only)),
            _ => {
                let from = place(self.places.len());
                self.places.extend_from_slice(&self.found);
                Some(Edge::Among(from, place(self.places.len())))
            }
        }
    }

    /// Keeps of an edge's places those that `keep` wants, given those of the edge after it.
    pub(super) fn retain(&mut self, edge: usize, mut keep: impl FnMut(usize, &[u32]) -> bool) {
        let Edge::Among(from, to) = self.edges[edge] else { return };
        self.found.clear();
        let next = &self.edges[..self.known].get(edge + 1);
        let next = next.map_or(&[][..], |next| places_of(next, &self.places));
        let places = &self.places[from as usize..to as usize];
        self.found.extend(places.iter().filter(|&&at| keep(at as usize, next)));
        self.edges[edge] = match self.found[..] {
            [only] => Edge::At(only),
            _ => Edge::Among(from, from + place(self.found.len())),
        };
        self.places[from as usize..][..self.found.len()].copy_from_slice(&self.found);
    }
}

fn places_of<'a>(edge: &'a Edge, places: &'a [u32]) -> &'a [u32] {
    match edge {
        Edge::At(only) => std::slice::from_ref(only),
        Edge::Among(from, to) => &places[*from as usize..*to as usize],
    }
}

/// A place in a line, which is no longer than [`LINE`](super::LINE).
pub(super) fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
