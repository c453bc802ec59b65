//! A store, as its readers see it.

use crate::{Manifest, StoreError, folder::Folder, others::Others};
use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use unmasq_segment::Segment;

/// A store, as it was when it was opened. Whoever writes to it meanwhile changes nothing here.
pub struct Store {
    folder: Folder,
    manifest: Manifest,
    wrong: Vec<StoreError>,
    /// Files that were opened.
    segments: Mutex<BTreeMap<String, Arc<Segment<File>>>>,
    records: Mutex<BTreeMap<String, Arc<Others>>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in a folder.
    ///
    /// # Errors
    /// [`StoreError::NoStore`] if there is none; and when no manifest of it can be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let folder = Folder::at(path);
        let none = || StoreError::NoStore { path: path.to_owned() };
        if !path.is_dir() {
            return Err(none());
        }
        let (manifest, wrong) = Manifest::newest(&folder)?.ok_or_else(none)?;
        let (segments, records) = (Mutex::default(), Mutex::default());
        Ok(Self { folder, manifest, wrong, segments, records })
    }

    /// What it consists of.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What could not be read of newer manifests: what they say is not known here.
    #[must_use]
    pub fn wrong(&self) -> &[StoreError] {
        &self.wrong
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    pub(crate) fn segment(&self, name: &str) -> Result<Arc<Segment<File>>, StoreError> {
        let open = || open_segment(&self.folder, name);
        opened(&self.segments, name, open)
    }

    pub(crate) fn records(&self, name: &str) -> Result<Arc<Others>, StoreError> {
        opened(&self.records, name, || Others::open(&self.folder, name))
    }
}

/// Opens a file of plain sessions.
pub(crate) fn open_segment(folder: &Folder, name: &str) -> Result<Segment<File>, StoreError> {
    let path = folder.path_of(name);
    Segment::open(folder.open(name)?).map_err(|error| StoreError::segment(&path, error))
}

fn opened<T>(
    all: &Mutex<BTreeMap<String, Arc<T>>>,
    name: &str,
    open: impl FnOnce() -> Result<T, StoreError>,
) -> Result<Arc<T>, StoreError> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.get(name) {
        return Ok(Arc::clone(known));
    }
    let opened = Arc::new(open()?);
    all.insert(name.to_owned(), Arc::clone(&opened));
    Ok(opened)
}

/// Where the inventory of a store lies, if it has one.
///
/// # Errors
/// As [`Store::open`]; and when the inventory is not what was written.
pub fn inventory_of(path: &Path) -> Result<Option<PathBuf>, StoreError> {
    let store = Store::open(path)?;
    let Some(inventory) = &store.manifest.inventory else { return Ok(None) };
    let bytes = store.folder.read(&inventory.name)?;
    let path = store.folder.path_of(&inventory.name);
    if crc32fast::hash(&bytes) == inventory.checksum {
        Ok(Some(path))
    } else {
        Err(StoreError::Damaged { path, what: "its checksum does not fit".to_owned() })
    }
}
