//! What somebody typed, and which files that means.

use crate::nearest::nearest;
use glob::{MatchOptions, Pattern};
use std::{
    ffi::OsStr,
    fmt, fs, io,
    path::{Path, PathBuf},
};
use unmasq_model::SourceName;

/// Where bytes can be read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Location {
    /// A file, a named pipe or a device.
    File(PathBuf),
    /// Standard input.
    Stdin,
}

impl Location {
    /// What evidence calls it: the file's name without folders, or `stdin`.
    #[must_use]
    pub fn name(&self) -> SourceName {
        match self {
            Self::File(path) => file_name(path).into(),
            Self::Stdin => "stdin".into(),
        }
    }
}

/// The path as it was given, or `stdin`.
impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("stdin"),
        }
    }
}

/// An input that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// Where.
    pub location: Location,
    /// How it was found.
    pub origin: Origin,
    /// Its size on disk, compressed as it may be; `None` for pipes.
    pub bytes: Option<u64>,
}

/// How an input was found: a file that somebody named must be readable, one that happened to lie in
/// a folder may be left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Somebody named this very file.
    Named,
    /// It lay in a folder or fitted a pattern.
    Searched,
}

/// Why no input was found.
#[derive(Debug, thiserror::Error)]
pub enum ExpandError {
    /// There is no such file.
    #[error("`{}` does not exist", .path.display())]
    Missing {
        /// What was asked for.
        path: PathBuf,
    },
    /// No file fits the pattern.
    #[error("no file matches `{pattern}`")]
    NoMatch {
        /// What was asked for.
        pattern: String,
    },
    /// The folder has no file that is not hidden.
    #[error("there is no file in folder `{}`", .path.display())]
    EmptyFolder {
        /// What was asked for.
        path: PathBuf,
    },
    /// The pattern makes no sense.
    #[error("`{pattern}` is not a file pattern")]
    Pattern {
        /// What was asked for.
        pattern: String,
        /// Why.
        source: glob::PatternError,
    },
    /// The system would not say what is there.
    #[error("cannot look at `{}`", .path.display())]
    Look {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl ExpandError {
    /// What to try.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Missing { path } => match neighbour(path) {
                Some(name) => format!("did you mean `{}`?", path.with_file_name(name).display()),
                None => "check the path; a relative one is meant from the folder you are in".into(),
            },
            Self::NoMatch { .. } => {
                "check the pattern; `*` stops at folders, `**` does not, and hidden files never match".into()
            }
            Self::EmptyFolder { .. } => "check that the logs are there and not hidden".into(),
            Self::Pattern { .. } => "`*`, `?` and `[a-z]` are patterns; write `[[]` for a bracket".into(),
            Self::Look { .. } => "look at it as a user who may".into(),
        }
    }

    /// Whether there is simply nothing there, now.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::NoMatch { .. } | Self::EmptyFolder { .. })
    }
}

/// The inputs that `arg` means: a file, a folder with all that is in it, a pattern, or `-` for standard input.
///
/// A folder gives its regular files, also those of its subfolders, in order of path; hidden files are left out,
/// links to folders are not followed. A file whose name looks like a pattern is that file.
///
/// # Errors
/// When nothing is there; an answer is never empty.
pub fn expand(arg: &str) -> Result<Vec<Found>, ExpandError> {
    if arg == "-" {
        return Ok(vec![Found { location: Location::Stdin, origin: Origin::Named, bytes: None }]);
    }
    expand_in(Path::new(""), arg)
}

/// As [`expand`], from `folder` on; `-` is a file like any other.
///
/// # Errors
/// As [`expand`].
pub fn expand_in(folder: &Path, arg: &str) -> Result<Vec<Found>, ExpandError> {
    let path = folder.join(arg);
    match fs::metadata(&path) {
        Ok(facts) if facts.is_dir() => {
            let mut files = Vec::new();
            walk(&path, &mut files)?;
            if files.is_empty() { Err(ExpandError::EmptyFolder { path }) } else { Ok(searched(files)) }
        }
        Ok(facts) => Ok(vec![found(path, Origin::Named, facts.is_file().then_some(facts.len()))]),
        Err(error) if !is_absent(&error) => Err(ExpandError::Look { path, source: error }),
        Err(_) if arg.contains(['*', '?', '[']) => matches(folder, arg),
        Err(_) => Err(ExpandError::Missing { path }),
    }
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}

fn matches(folder: &Path, arg: &str) -> Result<Vec<Found>, ExpandError> {
    let options = MatchOptions {
        case_sensitive: true,
        require_literal_separator: true,
        require_literal_leading_dot: true,
    };
    let pattern = if folder.as_os_str().is_empty() || Path::new(arg).is_absolute() {
        arg.to_owned()
    } else {
        // The folder is a path and no pattern, even if it has brackets in its name.
        format!("{}/{arg}", Pattern::escape(&folder.to_string_lossy()))
    };
    let listed = glob::glob_with(&pattern, options)
        .map_err(|source| ExpandError::Pattern { pattern: arg.into(), source })?;
    let mut files = Vec::new();
    for path in listed {
        let path = path
            .map_err(|error| ExpandError::Look { path: error.path().to_path_buf(), source: error.into() })?;
        match fs::metadata(&path) {
            Ok(facts) if facts.is_dir() => walk(&path, &mut files)?,
            Ok(facts) if facts.is_file() => files.push((path, facts.len())),
            _ => {}
        }
    }
    if files.is_empty() { Err(ExpandError::NoMatch { pattern: arg.into() }) } else { Ok(searched(files)) }
}

/// Adds the regular files below `folder` that are not hidden.
fn walk(folder: &Path, files: &mut Vec<(PathBuf, u64)>) -> Result<(), ExpandError> {
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let look = |source| ExpandError::Look { path: folder.clone(), source };
        for entry in fs::read_dir(&folder).map_err(look)? {
            let entry = entry.map_err(look)?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if entry.file_type().map_err(look)?.is_dir() {
                folders.push(entry.path());
            } else if let Ok(facts) = fs::metadata(entry.path())
                && facts.is_file()
            {
                files.push((entry.path(), facts.len()));
            }
        }
    }
    Ok(())
}

fn searched(mut files: Vec<(PathBuf, u64)>) -> Vec<Found> {
    files.sort();
    files.dedup();
    files.into_iter().map(|(path, bytes)| found(path, Origin::Searched, Some(bytes))).collect()
}

fn found(path: PathBuf, origin: Origin, bytes: Option<u64>) -> Found {
    Found { location: Location::File(path), origin, bytes }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The name of a file beside `path` that is nearly its own.
fn neighbour(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let names: Vec<String> =
        fs::read_dir(folder).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let wanted = path.file_name().and_then(OsStr::to_str)?;
    nearest(wanted, names.iter().map(String::as_str)).map(Into::into)
}
