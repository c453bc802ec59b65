//! Names that a reader meets again and again, by number.

use std::collections::BTreeMap;
use unmasq_model::{GatewayName, Realm};

/// A name by its place among those that were met.
pub(crate) type NameIx = u32;

/// How many names are remembered by where their text lies.
const REMEMBERED: usize = 256;

/// A name whose text may be shared with others that are the same.
pub(crate) trait Name: Clone + Ord {
    /// Where its text lies.
    fn address(&self) -> usize;
}

impl Name for GatewayName {
    fn address(&self) -> usize {
        self.address()
    }
}

impl Name for Realm {
    fn address(&self) -> usize {
        self.address()
    }
}

/// Names in order of first sight.
#[derive(Debug)]
pub(crate) struct Met<N> {
    names: Vec<N>,
    by_name: BTreeMap<N, NameIx>,
    /// Names by where their text lies: decoders give the same text out again and again. Each is held, so
    /// that no other can come to lie there.
    remembered: Vec<Option<(N, NameIx)>>,
}

impl<N: Name> Met<N> {
    pub(crate) fn nobody() -> Self {
        Self { names: Vec::new(), by_name: BTreeMap::new(), remembered: vec![None; REMEMBERED] }
    }

    pub(crate) fn names(&self) -> &[N] {
        &self.names
    }

    /// The number of a name, which it keeps.
    #[inline]
    pub(crate) fn number(&mut self, name: &N) -> NameIx {
        let place = name.address() / 16 % REMEMBERED;
        match &self.remembered[place] {
            Some((met, number)) if met.address() == name.address() => *number,
            _ => {
                let number = self.sought(name);
                self.remembered[place] = Some((name.clone(), number));
                number
            }
        }
    }

    #[cold]
    fn sought(&mut self, name: &N) -> NameIx {
        if let Some(&known) = self.by_name.get(name) {
            return known;
        }
        let fresh = NameIx::try_from(self.names.len()).expect("fewer names than 2³²");
        self.names.push(name.clone());
        self.by_name.insert(name.clone(), fresh);
        fresh
    }

    /// What the names of another have for numbers here, as far as `known` does not say it.
    pub(crate) fn translate(&mut self, other: &Self, known: &mut Vec<NameIx>) {
        known.extend(other.names[known.len()..].iter().map(|name| self.number(name)));
    }
}
