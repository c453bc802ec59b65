//! One JSON object, its members as slices of the line they stand in.
//!
//! Everything that reads or rewrites JSON here goes through [`Object`], or through [`Members`], which
//! gives what an object would give and is fast: one odd member (a number where a text was expected, a
//! lone surrogate) then spoils that member and not the line.

mod flat;
mod members;
mod names;
mod scan;

pub(crate) use crate::places::Found;
pub(crate) use members::{Members, digest};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, ops::Range};

/// The bytes as text, if they are.
#[inline]
pub(crate) fn str_of(bytes: &[u8]) -> Option<&str> {
    simdutf8::basic::from_utf8(bytes).ok()
}

/// The bytes as text of the same length: what is not UTF-8 becomes question marks, byte for byte, so
/// that every offset in the text is the same offset in the bytes.
pub(crate) fn text_of(bytes: &[u8]) -> Cow<'_, str> {
    if let Some(text) = str_of(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    Cow::Owned(text)
}

/// Whether a line holds nothing but white space.
pub(crate) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(u8::is_ascii_whitespace)
}

/// A JSON object; members in the order in which they are written.
pub(crate) struct Object<'a> {
    members: Vec<Member<'a>>,
}

/// One member of an object.
pub(crate) struct Member<'a> {
    /// Its name, escapes resolved.
    pub(crate) name: Cow<'a, str>,
    /// Its name as written, with the quotes.
    written_name: &'a str,
    /// Its value as written, without white space around it.
    pub(crate) value: &'a str,
}

impl<'a> Object<'a> {
    /// Reads a text that is one object and nothing else; white space and a byte order mark may
    /// stand around it.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut json = serde_json::Deserializer::from_str(text);
        let members = json.deserialize_map(InOrder).ok()?;
        json.end().ok()?;
        Some(Self { members })
    }

    /// Its members in the order in which they are written.
    pub(crate) fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// Whether anything at all is called `name`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.iter().any(|member| member.name == name)
    }

    /// The value of the member called `name`, as written.
    ///
    /// A name that is written twice names nothing: other readers would take one or the other.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        let mut found = self.members.iter().filter(|member| member.name == name);
        let value = found.next()?.value;
        found.next().is_none().then_some(value)
    }

    /// The member's text, or its number as written; `None` for anything else and for an empty text.
    pub(crate) fn scalar(&self, name: &str) -> Option<Cow<'a, str>> {
        scalar(self.raw(name)?)
    }

    /// The member as an object.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        Self::parse(self.raw(name)?)
    }

    /// The objects of the member's array; what else stands in it is left out. `None` if it is no array.
    pub(crate) fn objects(&self, name: &str) -> Option<Vec<Self>> {
        let items: Vec<&'a RawValue> = serde_json::from_str(self.raw(name)?).ok()?;
        Some(items.into_iter().filter_map(|item| Self::parse(item.get())).collect())
    }

    /// The scalar at a dotted path: a member whose own name has the dots, or members within members.
    pub(crate) fn at(&self, path: &str) -> Option<Cow<'a, str>> {
        self.scalar(path).or_else(|| {
            path.match_indices('.').find_map(|(dot, _)| self.object(&path[..dot])?.at(&path[dot + 1..]))
        })
    }
}

impl Member<'_> {
    /// Where the name, with its quotes, stands in `text`, out of which the object was read.
    pub(crate) fn name_range(&self, text: &str) -> Range<usize> {
        range_in(text, self.written_name)
    }

    /// Where the value stands in `text`, out of which the object was read.
    pub(crate) fn value_range(&self, text: &str) -> Range<usize> {
        range_in(text, self.value)
    }
}

/// Where `part`, a slice of `text`, stands in it.
fn range_in(text: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr().addr() - text.as_ptr().addr();
    start..start + part.len()
}

/// A text's content or a number's digits.
pub(crate) fn scalar(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'"' => unquoted(value).filter(|text| !text.is_empty()),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(value)),
        _ => None,
    }
}

/// A text whose escapes are JSON's, without its quotes; `None` if it is none.
pub(crate) fn unescaped(text: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(&format!("\"{text}\"")).ok().map(Cow::Owned)
}

/// The content of a JSON text; `None` if it has half a surrogate pair, which is no text.
fn unquoted(written: &str) -> Option<Cow<'_, str>> {
    if scan::has_escape(written.as_bytes()) {
        serde_json::from_str(written).ok().map(Cow::Owned)
    } else {
        written.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed)
    }
}

struct InOrder;

impl<'de> Visitor<'de> for InOrder {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some((name, value)) = map.next_entry::<&RawValue, &RawValue>()? {
            let (written_name, value) = (name.get(), value.get());
            let name = unquoted(written_name).unwrap_or(Cow::Borrowed(written_name));
            members.push(Member { name, written_name, value });
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_name_and_by_dotted_path() {
        let object = Object::parse(r#" {"a":{"b":{"c":1.50}},"a.d":"x","t\u0061ce":"y"} "#).unwrap();
        assert_eq!(object.at("a.b.c").as_deref(), Some("1.50"));
        assert_eq!(object.at("a.d").as_deref(), Some("x"));
        assert_eq!(object.scalar("tace").as_deref(), Some("y"));
        assert_eq!(object.at("a"), None, "an object is no scalar");
        assert_eq!(object.at("a.b.x"), None);
    }

    #[test]
    fn a_name_that_is_written_twice_names_nothing() {
        let object = Object::parse(r#"{"a":"x","\u0061":"x","b":null,"c":"","d":"\ud800"}"#).unwrap();
        for name in ["a", "b", "c", "d"] {
            assert_eq!(object.scalar(name), None, "{name}");
        }
    }

    #[test]
    fn only_one_whole_object_is_an_object() {
        for text in ["", "[]", "1", "null", "{", "{}{}", "{} x", "{'a':1}", "{\"a\":1,}"] {
            assert!(Object::parse(text).is_none(), "{text}");
        }
        assert!(Object::parse("\u{feff}{}\r\n").is_some());
    }

    #[test]
    fn a_deep_nest_does_not_exhaust_the_stack() {
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200_000), "]".repeat(200_000));
        assert!(Object::parse(&deep).is_some());
        let path = vec!["a"; 5_000].join(".");
        assert_eq!(Object::parse(&deep).unwrap().at(&path), None);
    }

    #[test]
    fn what_is_not_text_keeps_its_length() {
        let bytes = b"{\"a\":\"\xff\xfe\"}";
        assert_eq!(text_of(bytes), "{\"a\":\"??\"}");
    }
}
