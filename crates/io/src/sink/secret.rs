//! Secrets: written where they belong, read when they are used, and never shown.

use super::SinkError;
use std::{
    env, fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// No secret is longer.
const LENGTH_MAX: u64 = 64 * 1024;

/// A text that nobody is to see.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// It was written down itself.
    Plain(String),
    /// It is all that is in a file, but for white space around it. It may change at any time.
    File(PathBuf),
    /// It is an environment variable.
    Variable(String),
}

impl Secret {
    /// `file:PATH`, meant from a folder, `env:NAME`, or the secret itself.
    #[must_use]
    pub fn written(text: &str, folder: &Path) -> Self {
        match text.split_once(':') {
            Some(("file", path)) => Self::File(folder.join(path)),
            Some(("env", name)) => Self::Variable(name.to_owned()),
            _ => Self::Plain(text.to_owned()),
        }
    }

    /// The secret as it is now.
    pub(super) fn read(&self) -> Result<String, SinkError> {
        let unreadable =
            |why: &dyn fmt::Display| SinkError::Secret { from: self.place(), why: why.to_string() };
        let text = match self {
            Self::Plain(text) => text.clone(),
            Self::File(path) => whole(path).map_err(|error| unreadable(&error))?,
            // Unlike `VarError`'s own words, these do not show what it holds.
            Self::Variable(name) => env::var(name).map_err(|_| unreadable(&"it is not set, or no text"))?,
        };
        let text = text.trim();
        if text.is_empty() { Err(unreadable(&"it is empty")) } else { Ok(text.to_owned()) }
    }

    /// Where it is.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Plain(_) => "the configuration".into(),
            Self::File(path) => format!("`{}`", path.display()),
            Self::Variable(name) => format!("the environment variable `{name}`"),
        }
    }
}

fn whole(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LENGTH_MAX).read_to_string(&mut text)?;
    Ok(text)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(_) => f.write_str("Plain(***)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Variable(name) => f.debug_tuple("Variable").field(name).finish(),
        }
    }
}
