//! A folder in which a file is there whole or not at all.

use crate::{DROPPED, StoreError};
use bytes::Bytes;
use std::{
    fs::{self, File, TryLockError},
    io::{self, BufWriter, Write},
    ops::Range,
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;
use unmasq_io::{
    disk::{Change, OnDisk},
    source::Meter,
};
use unmasq_segment::Source;

/// A folder.
///
/// Invariant: a file that has its name is whole and on disk. It is written under another name, synced,
/// given its name, and the folder that holds the name is synced.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Counts what is read of its files, by whoever has opened them.
    meter: Meter,
    disk: OnDisk,
}

/// What files are called that have no name yet; whoever may write removes what a crash left of them.
const UNFINISHED: &str = ".unfinished-";

/// What the file is called that a writer holds the lock of.
const LOCK: &str = "writer.lock";

/// What a file is called that was set aside: no two files of a store have one name, whichever folder they are in.
pub(crate) fn aside(name: &str) -> String {
    let own = name.rsplit_once('/').map_or(name, |(_, own)| own);
    format!("{DROPPED}/{own}")
}

impl Folder {
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), meter: Meter::default(), disk: OnDisk::default() }
    }

    /// The same, on a disk that is asked.
    pub(crate) fn on(self, disk: OnDisk) -> Self {
        Self { disk, ..self }
    }

    /// Makes its folders.
    pub(crate) fn make(&self, inner: &[&str]) -> Result<(), StoreError> {
        for inner in inner {
            let path = self.path.join(inner);
            fs::create_dir_all(&path).map_err(StoreError::write(&path))?;
        }
        // The folders themselves must be there after a crash.
        sync(&self.path).map_err(StoreError::write(&self.path))
    }

    /// Keeps other processes from writing to it as long as the file is held; the system releases it if we die.
    pub(crate) fn lock(&self) -> Result<File, StoreError> {
        let path = self.path_of(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(StoreError::write(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy { path: self.path.clone() }),
            Err(TryLockError::Error(error)) => Err(StoreError::write(&path)(error)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(crate) fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let path = self.path_of(name);
        fs::read(&path).map_err(StoreError::read(&path))
    }

    /// Opens a file, also if it was [set aside](Self::set_aside) since somebody learned its name.
    pub(crate) fn open(&self, name: &str) -> Result<LocalFile, StoreError> {
        let path = self.path_of(name);
        let opened = File::open(&path).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => File::open(self.path_of(&aside(name))).map_err(|_| error),
            _ => Err(error),
        });
        let local = |file| LocalFile::of(file, self.meter.clone());
        opened.map(local).map_err(StoreError::read(&path))
    }

    /// Puts a file where only those find it who look for it by its name.
    pub(crate) fn set_aside(&self, name: &str) -> Result<(), StoreError> {
        self.moved(name, &aside(name))?;
        not_read_again(&self.path_of(&aside(name)));
        Ok(())
    }

    /// Puts a file back that was set aside.
    pub(crate) fn put_back(&self, name: &str) -> Result<(), StoreError> {
        self.moved(&aside(name), name)
    }

    /// Gives a file another name; one that is not there is no error.
    fn moved(&self, from: &str, to: &str) -> Result<(), StoreError> {
        let (from, to) = (self.path_of(from), self.path_of(to));
        self.disk.before(Change::Name).map_err(StoreError::write(&to))?;
        match fs::rename(from, &to) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::write(&to)(error)),
            _ => self.disk.after(Change::Name).map_err(StoreError::write(&to)),
        }
    }

    /// The names of the files in one of its folders (`""` is itself), in order; none if it is not there.
    pub(crate) fn names(&self, inner: &str) -> Result<Vec<String>, StoreError> {
        let path = self.path_of(inner);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(StoreError::read(&path)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(StoreError::read(&path))?;
            let is_file = entry.file_type().map_err(StoreError::read(&path))?.is_file();
            if let Some(name) = entry.file_name().to_str().filter(|_| is_file) {
                names.push(if inner.is_empty() { name.to_owned() } else { format!("{inner}/{name}") });
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Begins a file that has no name before it is [published](NewFile::publish).
    pub(crate) fn begin(&self, name: &str) -> Result<NewFile, StoreError> {
        let path = self.path_of(name);
        let folder = path.parent().unwrap_or(&self.path);
        let file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(folder)
            .map_err(StoreError::write(&path))?;
        Ok(NewFile { file: BufWriter::with_capacity(1 << 20, file), path, disk: self.disk.clone() })
    }

    /// Writes a file; see [`NewFile::publish`].
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let mut file = self.begin(name)?;
        file.write_all(bytes).map_err(StoreError::write(&file.path))?;
        file.publish()
    }

    /// Removes a file; one that is gone already is no error.
    pub(crate) fn remove(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path_of(name);
        self.disk.before(Change::Name).map_err(StoreError::write(&path))?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::write(&path)(error)),
            _ => self.disk.after(Change::Name).map_err(StoreError::write(&path)),
        }
    }

    /// Removes what a crash left of files that never had a name. Only whoever holds the lock may.
    pub(crate) fn sweep(&self, inner: &[&str]) -> Result<(), StoreError> {
        for inner in inner {
            let unfinished = |name: &String| {
                Path::new(name)
                    .file_name()
                    .and_then(|name| name.to_str())
                    .is_some_and(|name| name.starts_with(UNFINISHED))
            };
            for name in self.names(inner)?.iter().filter(|name| unfinished(name)) {
                self.remove(name)?;
            }
        }
        Ok(())
    }
}

/// A file that several read at once.
#[derive(Debug)]
pub(crate) struct LocalFile {
    meter: Meter,
    #[cfg(unix)]
    file: File,
    /// Elsewhere a file has one position, which is for one at a time.
    #[cfg(not(unix))]
    file: std::sync::Mutex<File>,
}

#[cfg(unix)]
impl LocalFile {
    fn of(file: File, meter: Meter) -> Self {
        Self { meter, file }
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, buffer, offset)
    }
}

#[cfg(not(unix))]
impl LocalFile {
    fn of(file: File, meter: Meter) -> Self {
        Self { meter, file: std::sync::Mutex::new(file) }
    }

    fn file(&self) -> std::sync::MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn bytes(&self) -> io::Result<u64> {
        Ok(self.file().metadata()?.len())
    }

    fn fill(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self.file();
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }
}

impl Source for LocalFile {
    fn len(&self) -> io::Result<u64> {
        self.bytes()
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let length = range.end.checked_sub(range.start).and_then(|length| usize::try_from(length).ok());
        let mut buffer = vec![0; length.ok_or(io::ErrorKind::UnexpectedEof)?];
        self.fill(&mut buffer, range.start)?;
        self.meter.add(buffer.len() as u64);
        Ok(buffer.into())
    }
}

/// A file that is being written.
pub(crate) struct NewFile {
    file: BufWriter<NamedTempFile>,
    path: PathBuf,
    disk: OnDisk,
}

impl NewFile {
    /// Gives the file its name, when all of it is on disk.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if the name is taken: somebody else writes to this store.
    pub(crate) fn publish(self) -> Result<(), StoreError> {
        let Self { file, path, disk } = self;
        let file = file.into_inner().map_err(|error| StoreError::write(&path)(error.into_error()))?;
        file.as_file().sync_all().map_err(StoreError::write(&path))?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // What is made for a moment only is made private; this file stays, and others may read it.
            let open = fs::Permissions::from_mode(0o644);
            file.as_file().set_permissions(open).map_err(StoreError::write(&path))?;
        }
        disk.before(Change::File).map_err(StoreError::write(&path))?;
        file.persist_noclobber(&path).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::Fenced { path: path.clone() },
            _ => StoreError::write(&path)(error.error),
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        sync(folder).and_then(|()| disk.after(Change::File)).map_err(StoreError::write(folder))
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Makes the names in a folder outlive a crash.
fn sync(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Nobody is likely to read this file again: the system need not keep it in memory, where it would push out what others on
/// the machine read.
fn not_read_again(path: &Path) {
    // If it stays there, nothing is lost but room.
    #[cfg(target_os = "linux")]
    let _ = fs::File::open(path)
        .and_then(|file| Ok(rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)?));
    #[cfg(not(target_os = "linux"))]
    let _ = path;
}

#[cfg(test)]
mod tests {
    use super::Folder;
    use unmasq_segment::Source;

    #[test]
    fn any_part_of_a_file_is_read_and_no_more_than_it_has() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path());
        folder.put("file", b"0123456789").unwrap();
        let file = folder.open("file").unwrap();
        assert_eq!(file.len().unwrap(), 10);
        for (range, part) in [(0..10, "0123456789"), (3..7, "3456"), (9..10, "9"), (4..4, "")] {
            assert_eq!(file.read(range).unwrap(), part);
        }
        for range in [0..11, 10..12, 20..21] {
            assert!(file.read(range.clone()).is_err(), "{range:?}");
        }
        assert!(matches!(folder.put("file", b"other"), Err(crate::StoreError::Fenced { .. })));
        assert_eq!(folder.names("file").unwrap(), Vec::<String>::new());
    }
}
