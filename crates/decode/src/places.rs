//! Where in a line the values of names stand.

/// The values of one line by the position of their names, as they are written; `None` is one that is not
/// there.
pub(crate) type Found<'a, const N: usize> = [Option<&'a str>; N];

/// Where the values of `N` names stand in one line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places<const N: usize>([(usize, usize); N]);

impl<const N: usize> Places<N> {
    /// None of them stands anywhere.
    pub(crate) const fn nowhere() -> Self {
        Self([NOWHERE; N])
    }

    /// From where to where the value of a name stands; beyond every line if it stands nowhere.
    #[inline(always)]
    pub(crate) const fn at(&self, slot: usize) -> (usize, usize) {
        self.0[slot]
    }

    /// From where to where the value of a name stands.
    #[inline(always)]
    pub(crate) fn get(&self, slot: usize) -> Option<(usize, usize)> {
        Some(self.0[slot]).filter(|place| *place != NOWHERE)
    }

    /// All that stand somewhere.
    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut (usize, usize)> {
        self.0.iter_mut().filter(|place| **place != NOWHERE)
    }

    /// The values in the line that these are of.
    #[inline]
    pub(crate) fn of<'a>(&self, line: &'a str) -> Found<'a, N> {
        self.0.map(|place| (place != NOWHERE).then(|| &line[place.0..place.1]))
    }

    /// Says where one stands; a slot beyond the last is nobody's.
    #[inline(always)]
    pub(crate) fn set(&mut self, slot: usize, start: usize, end: usize) {
        if let Some(place) = self.0.get_mut(slot) {
            *place = (start, end);
        }
    }

    /// The same; if it stands somewhere else already, which is `false`, its value becomes empty.
    pub(crate) fn add(&mut self, slot: usize, start: usize, end: usize) -> bool {
        let is_first = self.0.get(slot).is_none_or(|place| *place == NOWHERE);
        self.set(slot, if is_first { start } else { end }, end);
        is_first
    }
}

const NOWHERE: (usize, usize) = (usize::MAX, usize::MAX);
