//! JSON and TOML as one tree that remembers where each value stands and how each number is written.
//!
//! Numbers stay text: a time such as `1795345055.128` has no exact floating-point value.

use super::path::Path;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{collections::BTreeSet, fmt};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Tables and lists nested deeper than this are refused; the format itself needs five levels.
const DEPTH_LIMIT: usize = 32;

/// The two notations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Notation {
    /// RFC 8259.
    Json,
    /// TOML 1.0.
    Toml,
}

/// A parsed document.
pub(super) struct Document {
    root: Node,
    /// The offset at which each line begins.
    lines: Vec<usize>,
}

/// A value and the offset at which it stands.
pub(super) struct Node {
    pub(super) at: usize,
    pub(super) value: Value,
}

/// A value of either notation.
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

/// A line and a column, both from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in bytes.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// Why a text is no document.
#[derive(Debug)]
pub(super) struct Malformed {
    at: usize,
    pub(super) why: String,
}

impl Document {
    pub(super) fn parse(text: &str, notation: Notation) -> Result<Self, (Place, String)> {
        let newlines = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let lines: Vec<usize> = std::iter::once(0).chain(newlines).collect();
        let root = match notation {
            Notation::Json => json(text),
            Notation::Toml => toml(text),
        };
        match root {
            Ok(root) => Ok(Self { root, lines }),
            Err(malformed) => Err((place(&lines, malformed.at), malformed.why)),
        }
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }

    pub(super) fn place(&self, at: usize) -> Place {
        place(&self.lines, at)
    }

    /// Where the value at `path` stands, or the nearest thing around it.
    pub(super) fn find(&self, path: Path<'_>) -> &Node {
        let child = match path {
            Path::Root => None,
            Path::Key(parent, key) => match &self.find(*parent).value {
                Value::Table(entries) => entries.iter().find(|(name, _)| name == key).map(|(_, node)| node),
                _ => None,
            },
            Path::Item(parent, index) => match &self.find(*parent).value {
                Value::List(items) => items.get(index),
                _ => None,
            },
        };
        match (child, path) {
            (Some(child), _) => child,
            (None, Path::Root) => &self.root,
            (None, Path::Key(parent, _) | Path::Item(parent, _)) => self.find(*parent),
        }
    }
}

fn place(lines: &[usize], at: usize) -> Place {
    let line = lines.partition_point(|start| *start <= at).max(1);
    Place { line, column: at.saturating_sub(lines[line - 1]) + 1 }
}

fn json(text: &str) -> Result<Node, Malformed> {
    let raw: &RawValue = serde_json::from_str(text).map_err(|error| malformed_json(text, 0, &error))?;
    json_node(text, raw, 0)
}

fn json_node(text: &str, raw: &RawValue, depth: usize) -> Result<Node, Malformed> {
    let slice = raw.get();
    // A raw value borrows from the text, so the distance of the two is its offset.
    let at = slice.as_ptr().addr() - text.as_ptr().addr();
    let wrong = |error: serde_json::Error| malformed_json(slice, at, &error);
    let value = match slice.as_bytes().first() {
        Some(b'{' | b'[') if depth == DEPTH_LIMIT => return Err(too_deep(at)),
        Some(b'{') => {
            let Entries(entries) = serde_json::from_str(slice).map_err(wrong)?;
            let mut names = BTreeSet::new();
            let mut nodes = Vec::with_capacity(entries.len());
            for (name, raw) in entries {
                let node = json_node(text, raw, depth + 1)?;
                if !names.insert(name.clone()) {
                    return Err(Malformed { at: node.at, why: format!("key `{name}` stands here twice") });
                }
                nodes.push((name, node));
            }
            Value::Table(nodes)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(slice).map_err(wrong)?;
            let nodes = items.into_iter().map(|raw| json_node(text, raw, depth + 1));
            Value::List(nodes.collect::<Result<_, _>>()?)
        }
        Some(b'"') => Value::Text(serde_json::from_str(slice).map_err(wrong)?),
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'n') | None => Value::Null,
        Some(_) => Value::Number(slice.into()),
    };
    Ok(Node { at, value })
}

fn too_deep(at: usize) -> Malformed {
    Malformed { at, why: format!("nested deeper than {DEPTH_LIMIT} levels") }
}

/// Turns the line and column that the reader counted within `slice` into an offset in the document.
fn malformed_json(slice: &str, base: usize, error: &serde_json::Error) -> Malformed {
    let line_start: usize = slice.split_inclusive('\n').take(error.line().max(1) - 1).map(str::len).sum();
    let message = error.to_string();
    let why = message.rsplit_once(" at line ").map_or(message.as_str(), |(why, _)| why).to_owned();
    Malformed { at: base + line_start + error.column().saturating_sub(1), why }
}

/// The entries of an object in their order, with those that stand there twice.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}

fn toml(text: &str) -> Result<Node, Malformed> {
    let root = DeTable::parse(text).map_err(|error| Malformed {
        at: error.span().map_or(0, |span| span.start),
        why: error.message().replace('\n', ", "),
    })?;
    let at = root.span().start;
    Ok(Node { at, value: toml_table(root.get_ref(), at, 0)? })
}

fn toml_table(table: &DeTable<'_>, at: usize, depth: usize) -> Result<Value, Malformed> {
    if depth == DEPTH_LIMIT {
        return Err(too_deep(at));
    }
    let entries =
        table.iter().map(|(name, value)| Ok((name.get_ref().to_string(), toml_node(value, depth + 1)?)));
    Ok(Value::Table(entries.collect::<Result<_, _>>()?))
}

fn toml_node(spanned: &Spanned<DeValue<'_>>, depth: usize) -> Result<Node, Malformed> {
    let at = spanned.span().start;
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Boolean(truth) => Value::Bool(*truth),
        // A number that is not decimal keeps its prefix, and is refused where a number is wanted.
        DeValue::Integer(number) => Value::Number(number.to_string()),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Datetime(time) => Value::Text(time.to_string()),
        DeValue::Array(_) if depth == DEPTH_LIMIT => return Err(too_deep(at)),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| toml_node(item, depth + 1)).collect::<Result<_, _>>()?)
        }
        DeValue::Table(table) => toml_table(table, at, depth)?,
    };
    Ok(Node { at, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn malformed(text: &str, notation: Notation) -> (String, String) {
        let (place, why) = Document::parse(text, notation).err().expect("malformed");
        (place.to_string(), why)
    }

    #[test]
    fn a_mistake_is_found_where_it_stands() {
        let (place, _) = malformed("{\n \"a\": [1,\n  2,,3]}", Notation::Json);
        assert_eq!(place, "3:5");
        let (place, why) = malformed("{\n \"a\": {\"b\": 1, \"b\": 2}}", Notation::Json);
        assert_eq!((place.as_str(), why.as_str()), ("2:21", "key `b` stands here twice"));
        let (place, _) = malformed("[a]\nb = = 1\n", Notation::Toml);
        assert_eq!(place, "2:5");
    }

    #[test]
    fn a_number_stays_as_it_is_written() {
        for (text, notation) in
            [("{\"t\": 1795345055.1280}", Notation::Json), ("t = 1_795_345_055.1280", Notation::Toml)]
        {
            let document = Document::parse(text, notation).unwrap();
            let node = document.find(Path::Root.key("t"));
            assert!(matches!(&node.value, Value::Number(text) if text == "1795345055.1280"));
        }
    }

    #[test]
    fn digits_may_be_grouped() {
        let document = Document::parse("t = 1_795_345_055", Notation::Toml).unwrap();
        let node = document.find(Path::Root.key("t"));
        assert!(matches!(&node.value, Value::Number(text) if text == "1795345055"));
    }

    #[test]
    fn depth_is_bounded() {
        let depth = 100_000;
        let lists = format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(malformed(&lists, Notation::Json).1, "nested deeper than 32 levels");
        let lists = format!("a = {}{}", "[".repeat(depth), "]".repeat(depth));
        malformed(&lists, Notation::Toml);
        let dotted = format!("{}a = 1", "a.".repeat(depth));
        malformed(&dotted, Notation::Toml);
    }
}
