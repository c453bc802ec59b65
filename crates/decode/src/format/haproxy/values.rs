//! The values of one line by their items.

use super::layout::Item;
use crate::{Unreadable, access, layout::Cells};
use std::borrow::Cow;

/// What one line says.
pub(super) struct Values<'a>(pub(super) Cells<'a, 'a, Item>);

impl<'a> Values<'a> {
    /// Whether the layout has the item, with or without a value.
    pub(super) fn has(&self, item: Item) -> bool {
        self.0.has(item)
    }

    /// The value as it is written; a dash is none.
    ///
    /// # Errors
    /// When the line does not say where the field begins and ends.
    #[inline]
    pub(super) fn get(&self, item: Item) -> Result<Option<&'a str>, Unreadable> {
        // Most logs have but a few of all items.
        if self.has(item) { self.written(item) } else { Ok(None) }
    }

    #[inline(never)]
    fn written(&self, item: Item) -> Result<Option<&'a str>, Unreadable> {
        Ok(self.0.get(item)?.filter(|text| !matches!(*text, "" | "-")))
    }

    /// The value of an item that escapes nothing, for what is only compared: one that cannot be told is as
    /// good as none.
    pub(super) fn word(&self, item: Item) -> Option<&'a str> {
        self.get(item).ok().flatten()
    }

    /// The value as the client sent it, for what is only compared: one that cannot be told is as good
    /// as none.
    pub(super) fn text(&self, item: Item) -> Option<Cow<'a, str>> {
        self.word(item).map(unescaped)
    }

    /// The values of two items with a slash between them, where the line has both like that.
    pub(super) fn both(&self, one: Item, other: Item) -> Option<&'a str> {
        self.0.joined(one, "/", other)
    }

    /// The first request header that was captured, if it is whole: a capture is cut at a length that
    /// the log does not tell, so one of a length that people choose may have been.
    pub(super) fn first_capture(&self) -> Option<Cow<'a, str>> {
        let captured = self.word(Item::Captured)?;
        let inner = captured.strip_prefix('{')?.strip_suffix('}')?;
        let first = unescaped(inner.split('|').next()?);
        let length = first.len();
        let is_limit =
            length.is_multiple_of(8) || length.is_multiple_of(10) || (length + 1).is_power_of_two();
        (!is_limit).then_some(first)
    }
}

/// `#22` is a quote.
fn unescaped(text: &str) -> Cow<'_, str> {
    access::unescaped(text, "#")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_haproxy_escaped_is_as_it_was() {
        assert_eq!(unescaped("/q=#22+#C3#A4#23#"), "/q=\"+ä##");
        assert_eq!(unescaped("#zz#1"), "#zz#1");
    }
}
