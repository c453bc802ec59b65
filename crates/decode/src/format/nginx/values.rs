//! The values of one line by the names of their variables, however the line is written.

use super::{
    layout::{Escape, Var},
    members::Found,
};
use crate::{Unreadable, access, json, layout::Cells};
use memchr::memchr;
use std::borrow::Cow;

/// What one line says.
pub(super) enum Values<'a> {
    /// A line of text, divided by its layout.
    Text(Escape, &'a Cells<'a, 'a, Var>),
    /// The members of a JSON object.
    Json(&'a Found<'a>),
}

impl<'a> Values<'a> {
    /// Whether the log has such a field, with or without a value.
    pub(super) fn has(&self, var: Var) -> bool {
        match self {
            Self::Text(_, cells) => cells.has(var),
            Self::Json(found) => found[var as usize].is_some(),
        }
    }

    /// The value without its escapes; `None` if there is none.
    ///
    /// # Errors
    /// When the line does not say where the field begins and ends.
    #[inline]
    pub(super) fn get(&self, var: Var) -> Result<Option<Cow<'a, str>>, Unreadable> {
        match self {
            // Most logs have but a few of all variables.
            Self::Text(_, cells) if !cells.has(var) => Ok(None),
            _ => self.written(var),
        }
    }

    #[inline(never)]
    fn written(&self, var: Var) -> Result<Option<Cow<'a, str>>, Unreadable> {
        match self {
            Self::Text(escape, cells) => match cells.get(var)? {
                None | Some("" | "-") => Ok(None),
                Some(text) => Ok(Some(unescaped(text, *escape)).filter(|text| is_value(text))),
            },
            Self::Json(found) => Ok(found[var as usize].and_then(json::scalar).filter(|text| is_value(text))),
        }
    }

    /// The value, for what is only compared: one that cannot be told is as good as none.
    #[inline]
    pub(super) fn text(&self, var: Var) -> Option<Cow<'a, str>> {
        self.get(var).ok().flatten()
    }
}

/// A dash stands for none.
fn is_value(text: &str) -> bool {
    !matches!(text, "" | "-")
}

/// The value as the client sent it.
fn unescaped(text: &str, escape: Escape) -> Cow<'_, str> {
    if escape == Escape::None || memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    if escape == Escape::Json {
        return json::unescaped(text).unwrap_or(Cow::Borrowed(text));
    }
    access::unescaped(text, r"\x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nginx_escaped_is_as_it_was() {
        let read = |text| unescaped(text, Escape::Default).into_owned();
        assert_eq!(read(r"/q=\x22+a\x5C\x09"), "/q=\"+a\\\t");
        assert_eq!(read(r"\xC3\xA4\xFF\xZZ\x2\x"), "ä\u{fffd}\\xZZ\\x2\\x");
        assert_eq!(unescaped(r#"a\"b\u0041"#, Escape::Json), "a\"bA");
        assert_eq!(unescaped(r"a\x22", Escape::None), r"a\x22");
    }
}
