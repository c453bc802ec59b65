//! The repository's recorded logs, from wherever a test runs.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// One folder of the corpus: a log in a known shape, with what is expected of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Case {
    folder: PathBuf,
}

/// The `corpus/` folder of the repository.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus")
}

/// Every case below `corpus/<group>` (all of the corpus for `""`), in order of path: each folder that
/// holds files.
///
/// # Errors
/// When the folder cannot be read, most likely because there is none.
pub fn cases(group: &str) -> io::Result<Vec<Case>> {
    let mut found = Vec::new();
    let mut waiting = vec![folder().join(group)];
    while let Some(folder) = waiting.pop() {
        let mut has_files = false;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                waiting.push(entry.path());
            } else {
                has_files = true;
            }
        }
        if has_files {
            found.push(Case { folder });
        }
    }
    found.sort_unstable();
    Ok(found)
}

impl Case {
    /// Its path below `corpus/`, with `/` between the parts.
    #[must_use]
    pub fn name(&self) -> String {
        let below = self.folder.strip_prefix(folder()).unwrap_or(&self.folder);
        let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
        parts.join("/")
    }

    /// Where one of its files is, or would be.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// The bytes of one of its files.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn read(&self, file: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path(file))
    }

    /// The names of its files, in order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn files(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}
