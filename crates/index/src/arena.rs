//! Room for what is made to answer a question.

use std::{cell::OnceCell, fmt};

/// Room for sessions that are unfolded to answer a question; they live as long as it.
///
/// Nearly always there is one, and it lies in the arena itself.
pub struct Arena<T> {
    first: OnceCell<T>,
    others: OnceCell<typed_arena::Arena<T>>,
}

impl<T> Arena<T> {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { first: OnceCell::new(), others: OnceCell::new() }
    }

    /// Keeps a value for as long as the arena is there.
    pub fn alloc(&self, value: T) -> &T {
        match self.first.get() {
            None => self.first.get_or_init(|| value),
            Some(_) => self.others.get_or_init(typed_arena::Arena::new).alloc(value),
        }
    }
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Arena<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").finish_non_exhaustive()
    }
}
