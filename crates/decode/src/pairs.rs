//! `key=value` pairs as firewalls write them: separated by blanks or commas, values perhaps in quotes.

use std::borrow::Cow;

/// The pairs of one line, in order.
pub(crate) struct Pairs<'a> {
    pairs: Vec<(&'a str, &'a str)>,
}

/// A line has about a hundred; more are a lie.
const PAIRS_AT_MOST: usize = 1024;

impl<'a> Pairs<'a> {
    /// Reads what of the line is pairs; words that are none are passed over.
    pub(crate) fn read(mut line: &'a str) -> Self {
        let mut pairs = Vec::new();
        while let Some((before, after)) = line.split_once('=') {
            let name = before.rsplit([' ', ',', '\t']).next().unwrap_or(before);
            let (value, rest) = match after.strip_prefix('"') {
                // Of a line that was cut, half a value is none.
                Some(text) => quoted(text).unwrap_or_default(),
                None => after.split_at(after.find([' ', ',', '\t']).unwrap_or(after.len())),
            };
            if pairs.len() == PAIRS_AT_MOST {
                break;
            }
            pairs.push((name, value));
            line = rest;
        }
        Self { pairs }
    }

    /// The value called `name`; `None` if it is missing or empty, or if two that differ are called so.
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let mut found = self.pairs.iter().filter(|(known, _)| *known == name).map(|(_, value)| *value);
        let value = found.next().filter(|value| !value.is_empty())?;
        if found.any(|other| other != value) {
            return None;
        }
        Some(if value.contains('\\') {
            Cow::Owned(value.replace("\\\"", "\"").replace("\\\\", "\\"))
        } else {
            Cow::Borrowed(value)
        })
    }
}

/// What stands before the closing quote, and what follows it; `None` if there is none.
pub(crate) fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| match byte {
        _ if escaped => {
            escaped = false;
            false
        }
        b'\\' => {
            escaped = true;
            false
        }
        byte => byte == b'"',
    })?;
    Some((&text[..end], &text[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_within_quotes_is_none() {
        let pairs =
            Pairs::read(r#"<1>x date=2026-03-01 a="b c=d, \"e=f\"" c=1,g="h",i="" j=k j=k l=1 l=2 m"#);
        let get = |name| pairs.get(name);
        assert_eq!(get("date").as_deref(), Some("2026-03-01"));
        assert_eq!(get("a").as_deref(), Some(r#"b c=d, "e=f""#));
        assert_eq!((get("c").as_deref(), get("g").as_deref()), (Some("1"), Some("h")));
        assert_eq!((get("i"), get("l"), get("m"), get("e")), (None, None, None, None));
        assert_eq!(get("j").as_deref(), Some("k"));
        assert_eq!(Pairs::read(r#"a="b"#).get("a"), None);
    }
}
