//! From the tree of a document to the structs of [`super::raw`], with a word about every key that
//! nobody knows.
//!
//! Three rules beyond those of serde: a struct named [`HELD`] may be written as its first field alone
//! (`"203.0.113.10"` for `{"ip": "203.0.113.10"}`); a newtype named [`WRITTEN`] takes a number by its
//! text; a unit struct takes whatever stands there, for keys that are known and not used.

use super::{
    document::{Node, Value},
    path::Path,
};
use crate::nearest::nearest;
use serde::de::{
    self, DeserializeSeed, Deserializer, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    Visitor, value::StrDeserializer,
};
use std::{cell::RefCell, fmt};

/// The struct that may be written as its first field alone.
pub(super) const HELD: &str = "Held";
/// The newtype that takes a number by its text.
pub(super) const WRITTEN: &str = "Written";

/// What is wrong with a value.
#[derive(Debug)]
pub(super) struct Fault {
    /// The path and offset of the value, once known.
    pub(super) place: Option<(String, usize)>,
    pub(super) why: String,
}

/// A key that nobody knows.
#[derive(Debug)]
pub(super) struct UnknownKey {
    pub(super) path: String,
    pub(super) at: usize,
    pub(super) meant: Option<&'static str>,
}

/// A value that is about to be read.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    pub(super) node: &'a Node,
    pub(super) path: &'a Path<'a>,
    pub(super) unknown: &'a RefCell<Vec<UnknownKey>>,
}

impl<'a> Cursor<'a> {
    fn place<T>(self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|mut fault| {
            fault.place.get_or_insert_with(|| (self.path.to_string(), self.node.at));
            fault
        })
    }

    /// The entries of a table; nothing where `null` stands for it.
    fn entries(self) -> Option<Entries<'a>> {
        let entries = match &self.node.value {
            Value::Table(entries) => entries.iter(),
            Value::Null => [].iter(),
            _ => return None,
        };
        Some(Entries { entries, value: None, at: self })
    }

    fn note_unknown(self, fields: &'static [&'static str]) {
        let Value::Table(entries) = &self.node.value else { return };
        for (key, node) in entries.iter().filter(|(key, _)| !fields.contains(&key.as_str())) {
            self.unknown.borrow_mut().push(UnknownKey {
                path: self.path.key(key).to_string(),
                at: node.at,
                meant: nearest(key, fields.iter().copied()),
            });
        }
    }
}

impl<'de> Deserializer<'de> for Cursor<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Number(text) => match text.parse() {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => Err(de::Error::invalid_type(Unexpected::Other(text), &visitor)),
            },
            Value::Text(text) => visitor.visit_str(text),
            Value::List(nodes) => visitor.visit_seq(Items { nodes: nodes.iter(), next: 0, at: self }),
            Value::Table(entries) => {
                visitor.visit_map(Entries { entries: entries.iter(), value: None, at: self })
            }
        };
        self.place(result)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Null => visitor.visit_seq(Items { nodes: [].iter(), next: 0, at: self }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.entries() {
            Some(entries) => self.place(visitor.visit_map(entries)),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if let (HELD, Value::Text(text), [first, ..]) = (name, &self.node.value, fields) {
            let only = [(*first, text.as_str())];
            return self.place(visitor.visit_map(de::value::MapDeserializer::new(only.into_iter())));
        }
        self.note_unknown(fields);
        // A derived struct would also take a list, field after field: here that is a mistake.
        match (self.entries(), &self.node.value) {
            (Some(entries), _) => self.place(visitor.visit_map(entries)),
            (None, Value::List(_)) => self.place(Err(de::Error::invalid_type(Unexpected::Seq, &visitor))),
            (None, _) => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Number(text) if name == WRITTEN => {
                self.place(visitor.visit_newtype_struct(StrDeserializer::new(text)))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit tuple
        tuple_struct enum identifier
    }
}

struct Items<'a> {
    nodes: std::slice::Iter<'a, Node>,
    next: usize,
    at: Cursor<'a>,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(node) = self.nodes.next() else { return Ok(None) };
        let path = self.at.path.item(self.next);
        self.next += 1;
        seed.deserialize(Cursor { node, path: &path, ..self.at }).map(Some)
    }
}

struct Entries<'a> {
    entries: std::slice::Iter<'a, (String, Node)>,
    value: Option<&'a (String, Node)>,
    at: Cursor<'a>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.value = self.entries.next();
        let key = self.value.map(|(key, _)| key.as_str().into_deserializer());
        key.map(|key: StrDeserializer<'_, Fault>| seed.deserialize(key)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, node) =
            self.value.take().ok_or_else(|| <Fault as de::Error>::custom("no value is left"))?;
        let path = self.at.path.key(key);
        seed.deserialize(Cursor { node, path: &path, ..self.at })
    }
}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(why: T) -> Self {
        Self { place: None, why: why.to_string() }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            Unexpected::Unsigned(number) => Self::custom(format_args!("expected {expected}, found {number}")),
            Unexpected::Unit => Self::custom(format_args!("expected {expected}, found null")),
            Unexpected::Seq => Self::custom(format_args!("expected {expected}, found a list")),
            Unexpected::Map => Self::custom(format_args!("expected {expected}, found a table")),
            _ => Self::custom(format_args!("expected {expected}, found {found}")),
        }
    }

    fn missing_field(field: &'static str) -> Self {
        Self::custom(format_args!("`{field}` is missing"))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Fault {}
