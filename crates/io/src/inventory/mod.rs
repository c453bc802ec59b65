//! The inventory: what the operator wrote about gateways, logs and who holds which address.
//!
//! `docs/inventory.md` is the format's reference. [`load`] reads JSON or TOML into a tree that knows
//! where each value stands (`document`), that into structs field for field (`raw`), and those into a
//! [`Site`] (`meaning`). A mistake is an error that names the file, the line and the key; a key that
//! nobody knows is a warning, so that a slip of the finger is seen and a newer inventory still loads.

mod document;
mod meaning;
mod path;
mod raw;
mod reader;

pub use document::Place;

use crate::source::{Location, Meter, ReadError, open};
use document::{Document, Notation};
use jiff::tz::TimeZone;
use path::Path as Key;
use reader::{Cursor, Fault};
use serde::Deserialize;
use std::{
    cell::RefCell,
    fmt,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use unmasq_decode::Names;
use unmasq_model::{GatewayName, LogTime, Site, SourceName};

/// Larger files are refused: a hundred thousand instances with their containers need a tenth of this.
pub const SIZE_LIMIT: u64 = 256 * 1024 * 1024;

/// A loaded inventory.
#[derive(Debug)]
pub struct Inventory {
    /// Gateways, balancers and who holds which address; its logs are still to be read.
    pub site: Site,
    /// The logs that it names, in its own order.
    pub logs: Vec<LogFile>,
    /// What it says about load balancers beyond [`Site`], in its own order.
    pub balancers: Vec<Balancer>,
    /// What evidence calls the inventory: its file name.
    pub name: SourceName,
    /// What looks like a mistake but is none for sure, in order of place.
    pub warnings: Vec<Warning>,
}

/// A log file that an inventory names; one that matches several files gives one of these for each.
#[derive(Clone, Debug)]
pub struct LogFile {
    /// Whose log it is.
    pub gateway: GatewayName,
    /// The format's name; `None` if it is to be detected.
    pub format: Option<String>,
    /// The writer's own format string, where a format has one.
    pub log_format: Option<String>,
    /// Where it is.
    pub path: PathBuf,
    /// Whether anything was there when the inventory was loaded.
    pub present: bool,
    /// What evidence calls it.
    pub name: SourceName,
    /// The zone of times that carry none.
    pub zone: Option<TimeZone>,
    /// When the writing began.
    pub since: Option<LogTime>,
    /// When the writing ended.
    pub until: Option<LogTime>,
    /// When a dump was taken.
    pub taken: Option<LogTime>,
    /// Whether somebody declared that nothing between `since` and `until` is missing.
    pub complete: bool,
    /// How far its clock may be from the sensor's, either way.
    pub clock_bound: Option<Duration>,
    /// The log that this one was made from, so that the two are not two witnesses.
    pub derived_from: Option<String>,
    /// Where the inventory says so, such as `gateways[0].logs[2]`.
    pub key: String,
}

/// What an inventory says about a load balancer beyond its gateway in [`Site`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Balancer {
    /// The gateway's name.
    pub gateway: GatewayName,
    /// What it is: `haproxy`, `nginx`, `alb` and so on.
    pub kind: Option<String>,
    /// What the names in its log mean.
    pub names: Arc<Names>,
}

/// Something that looks like a mistake.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Warning {
    /// The inventory's path as it was given.
    pub file: String,
    /// Where it stands.
    pub place: Place,
    /// The key, such as `gateways[0].adresses`.
    pub key: String,
    /// What is odd, and what to try.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: `{}`: {}", self.file, self.place, self.key, self.text)
    }
}

/// Why an inventory cannot be used. The text says what to try.
#[derive(Debug, thiserror::Error)]
pub enum InventoryError {
    /// The file cannot be read.
    #[error("failed to read the inventory")]
    Read(#[source] ReadError),
    /// The file is too large to be an inventory.
    #[error("inventory `{file}` is larger than {SIZE_LIMIT} bytes; check that it is the right file")]
    TooLarge {
        /// Its path as it was given.
        file: String,
    },
    /// The file is not JSON or TOML.
    #[error("{file}:{place}: {why}")]
    Malformed {
        /// Its path as it was given.
        file: String,
        /// Where reading stopped.
        place: Place,
        /// Why.
        why: String,
    },
    /// A key's value makes no sense.
    #[error("{file}:{place}: `{key}`: {why}")]
    Key {
        /// Its path as it was given.
        file: String,
        /// Where the value stands.
        place: Place,
        /// The key, such as `gateways[0].logs[1].tz`.
        key: String,
        /// What is wrong with it, and what to write instead.
        why: String,
    },
}

/// Reads the inventory at `path`: TOML if its name ends so, JSON if its name ends so or it begins with
/// `{`, else TOML. It may be compressed. Files that it names are meant from its own folder on.
///
/// # Errors
/// When it cannot be read, or the first thing in it that makes no sense.
pub fn load(path: &Path) -> Result<Inventory, InventoryError> {
    let location = Location::File(path.into());
    let file = location.to_string();
    let text = read(&location)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let document = Document::parse(text, notation(path, text))
        .map_err(|(place, why)| InventoryError::Malformed { file: file.clone(), place, why })?;
    let notes = Notes { file, name: location.name(), document: &document, warnings: RefCell::default() };
    let raw = notes.raw()?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let meaning = meaning::of(&raw, folder, &notes)?;
    let mut warnings = notes.warnings.into_inner();
    warnings.sort();
    Ok(Inventory {
        site: meaning.site,
        logs: meaning.logs,
        balancers: meaning.balancers,
        name: location.name(),
        warnings,
    })
}

fn read(location: &Location) -> Result<String, InventoryError> {
    let file = location.to_string();
    let input = open(location, &Meter::default()).map_err(InventoryError::Read)?;
    let mut bytes = Vec::new();
    input.take(SIZE_LIMIT + 1).read_to_end(&mut bytes).map_err(|error| {
        let broken = error.downcast::<ReadError>();
        InventoryError::Read(broken.unwrap_or_else(|source| ReadError::Broken {
            file: file.clone(),
            offset: 0,
            source,
        }))
    })?;
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(InventoryError::TooLarge { file });
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line_start = memchr::memrchr(b'\n', good).map_or(0, |at| at + 1);
        let line = memchr::memchr_iter(b'\n', good).count() + 1;
        let place = Place { line, column: good.len() - line_start + 1 };
        let why = "this is not UTF-8; convert it with `iconv -f … -t UTF-8`".into();
        InventoryError::Malformed { file, place, why }
    })
}

fn notation(path: &Path, text: &str) -> Notation {
    let name = path.to_string_lossy().to_ascii_lowercase();
    let name = [".gz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    if name.ends_with(".toml") || !(name.ends_with(".json") || text.trim_start().starts_with('{')) {
        Notation::Toml
    } else {
        Notation::Json
    }
}

/// What is found wrong or odd while a document is understood.
struct Notes<'a> {
    file: String,
    /// What evidence calls the inventory.
    name: SourceName,
    document: &'a Document,
    warnings: RefCell<Vec<Warning>>,
}

impl Notes<'_> {
    fn raw(&self) -> Result<raw::Inventory, InventoryError> {
        let unknown = RefCell::default();
        let root = Cursor { node: self.document.root(), path: &Key::Root, unknown: &unknown };
        let raw = raw::Inventory::deserialize(root).map_err(|Fault { place, why }| {
            let (key, at) = place.unwrap_or_default();
            let place = self.document.place(at);
            match key.is_empty() {
                true => InventoryError::Malformed { file: self.file.clone(), place, why },
                false => InventoryError::Key { file: self.file.clone(), place, key, why },
            }
        })?;
        let warnings = unknown.into_inner().into_iter().map(|unknown| Warning {
            file: self.file.clone(),
            place: self.document.place(unknown.at),
            key: unknown.path,
            text: match unknown.meant {
                Some(meant) => format!("no such key is known; did you mean `{meant}`?"),
                None => "no such key is known".into(),
            },
        });
        self.warnings.borrow_mut().extend(warnings);
        Ok(raw)
    }

    /// An error about the value at `key`.
    fn wrong(&self, key: Key<'_>, why: impl fmt::Display) -> InventoryError {
        let place = self.document.place(self.document.find(key).at);
        InventoryError::Key { file: self.file.clone(), place, key: key.to_string(), why: why.to_string() }
    }

    /// Notes that the value at `key` looks like a mistake.
    fn odd(&self, key: Key<'_>, text: impl fmt::Display) {
        self.odd_at(self.document.find(key).at, key.to_string(), text.to_string());
    }

    fn odd_at(&self, at: usize, key: String, text: String) {
        let place = self.document.place(at);
        self.warnings.borrow_mut().push(Warning { file: self.file.clone(), place, key, text });
    }
}
