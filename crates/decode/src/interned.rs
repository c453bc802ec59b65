//! Names that come again in line after line.

use crate::json::digest;
use std::sync::Arc;

/// Gives the same `Arc` for the same name, as long as not too many others come between.
///
/// Each name has one place, which it loses to the next one that has the same: there is nothing to
/// search and nothing that grows.
#[derive(Clone, Debug)]
pub(crate) struct Interned {
    names: Box<[Option<Arc<str>>]>,
}

const PLACES: usize = 256;

/// A longer name is no name, and is not kept.
const LONGEST: usize = 256;

impl Default for Interned {
    fn default() -> Self {
        Self { names: vec![None; PLACES].into() }
    }
}

impl Interned {
    /// The name as something to keep.
    #[inline]
    pub(crate) fn get(&mut self, name: &str) -> Arc<str> {
        let place = usize::from(digest(name.as_bytes()));
        match &self.names[place] {
            Some(known) if **known == *name => Arc::clone(known),
            _ => self.replace(place, name),
        }
    }

    fn replace(&mut self, place: usize, name: &str) -> Arc<str> {
        let new: Arc<str> = name.into();
        if name.len() <= LONGEST {
            self.names[place] = Some(Arc::clone(&new));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_comes_again_is_the_same() {
        let mut names = Interned::default();
        let first = names.get("ngw-1");
        assert!(Arc::ptr_eq(&first, &names.get("ngw-1")));
        for name in ["", "a", "ngw-2", "äöü", &"x".repeat(1_000)] {
            assert_eq!(&*names.get(name), name);
            assert_eq!(&*names.get(name), name);
        }
    }

    #[test]
    fn more_names_than_places_are_still_themselves() {
        let mut names = Interned::default();
        for number in (0..3_000).chain(0..3_000) {
            let name = format!("vpc-{number}");
            assert_eq!(*names.get(&name), *name);
        }
    }
}
