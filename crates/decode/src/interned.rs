//! Names that come again in line after line.

use crate::{
    json::{digest, str_of},
    sixteen::SIXTEEN,
};
use std::{borrow::Cow, sync::Arc};

/// Gives the same `Arc`, or what is made of it, for the same name, as long as not too many others come
/// between.
///
/// It is asked with the name as its line writes it, quotes and escapes and all, so that a name that came
/// before is not read again. Each has one place, which it loses to the next one that has the same: there
/// is nothing to search and nothing that grows.
#[derive(Debug)]
pub(crate) struct Interned<T = Arc<str>> {
    names: Box<[Option<Known<T>>; PLACES]>,
    /// The last one that was too long to be kept.
    long: Option<T>,
}

#[derive(Debug)]
struct Known<T> {
    written: Box<[u8]>,
    means: Option<T>,
}

/// As many as a [`digest`] tells apart.
const PLACES: usize = 256;

/// A longer name is no name, and is not kept.
const LONGEST: usize = 256;

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self { names: Box::new([const { None }; PLACES]), long: None }
    }
}

/// A fork learns its names anew: that costs less than several cores counting one name's users.
impl<T> Clone for Interned<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T: From<Arc<str>> + Clone> Interned<T> {
    /// What `written` means by `read`, to be kept; always ask with the same `read`.
    #[inline]
    pub(crate) fn get<'a>(
        &mut self,
        written: &'a str,
        read: impl FnOnce(&'a str) -> Option<Cow<'a, str>>,
    ) -> Option<T> {
        self.look(written.as_bytes(), |_| read(written)).cloned()
    }

    /// The same, only looked at; what is no text is no name.
    #[inline(always)]
    pub(crate) fn look<'a>(
        &mut self,
        written: &'a [u8],
        read: impl FnOnce(&'a str) -> Option<Cow<'a, str>>,
    ) -> Option<&T> {
        let place = usize::from(digest(written));
        let is_known = matches!(&self.names[place], Some(known) if is_same(&known.written, written));
        if !is_known {
            return self.learn(place, written, read);
        }
        self.names[place].as_ref()?.means.as_ref()
    }

    #[cold]
    fn learn<'a>(
        &mut self,
        place: usize,
        written: &'a [u8],
        read: impl FnOnce(&'a str) -> Option<Cow<'a, str>>,
    ) -> Option<&T> {
        let means = str_of(written).and_then(read).map(|means| T::from(Arc::from(means)));
        if written.len() > LONGEST {
            self.long = means;
            return self.long.as_ref();
        }
        self.names[place].insert(Known { written: written.into(), means }).means.as_ref()
    }
}

/// Whether two names are the same. Many are of sixteen to thirty-two bytes, which are compared as two numbers.
#[inline(always)]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let front = |name: &[u8]| name.first_chunk().copied().map(u128::from_le_bytes);
    let back = |name: &[u8]| name.last_chunk().copied().map(u128::from_le_bytes);
    one.len() == other.len()
        && if (SIXTEEN..=2 * SIXTEEN).contains(&one.len()) {
            front(one) == front(other) && back(one) == back(other)
        } else {
            one == other
        }
}

impl Interned {
    /// A text that means what it says.
    pub(crate) fn text(&mut self, text: &str) -> Arc<str> {
        self.get(text, |text| Some(Cow::Borrowed(text))).unwrap_or_else(|| text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(written: &str) -> Option<Cow<'_, str>> {
        (written != "-").then_some(Cow::Borrowed(written))
    }

    #[test]
    fn a_name_that_comes_again_is_the_same() {
        let mut names = Interned::<Arc<str>>::default();
        let first = names.get("ngw-1", plain).unwrap();
        assert!(Arc::ptr_eq(&first, &names.get("ngw-1", |_| None).unwrap()));
        for name in ["", "a", "ngw-2", "äöü", "ngw-d73a9a3d941e", "ngw-d73a9a3d941e7e01", &"x".repeat(1_000)]
        {
            assert_eq!(names.get(name, plain).as_deref(), Some(name));
            assert_eq!(names.get(name, plain).as_deref(), Some(name));
        }
        assert_eq!((names.get("-", plain), names.get("-", plain)), (None, None));
    }

    #[test]
    fn more_names_than_places_are_still_themselves() {
        let mut names = Interned::<Arc<str>>::default();
        for number in (0..3_000).chain(0..3_000) {
            let name = format!("vpc-{number}");
            assert_eq!(names.get(&name, plain).as_deref(), Some(&*name));
        }
    }
}
