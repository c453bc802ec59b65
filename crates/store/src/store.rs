//! A store, as its readers see it.

use crate::{
    Manifest, StoreError,
    others::Others,
    place::{Place, StoredFile},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tempfile::TempDir;
use unmasq_io::source::Meter;
use unmasq_segment::Segment;

/// A store, as it was when it was opened. Whoever writes to it meanwhile changes nothing here.
pub struct Store {
    place: Place,
    manifest: Manifest,
    wrong: Vec<StoreError>,
    /// Files that were opened.
    segments: Mutex<BTreeMap<String, Arc<Segment<StoredFile>>>>,
    records: Mutex<BTreeMap<String, Arc<Others>>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the store in a folder, or at `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// [`StoreError::NoStore`] if there is none; and when no manifest of it can be read.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let place = Place::at(path)?;
        let none = || StoreError::NoStore { path: place.path().to_owned() };
        let (manifest, wrong) = Manifest::newest(&place)?.ok_or_else(none)?;
        let (segments, records) = (Mutex::default(), Mutex::default());
        Ok(Self { place, manifest, wrong, segments, records })
    }

    /// The same store as it is now. Files that were opened stay open.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn again(&self) -> Result<Self, StoreError> {
        let now = Self::open(self.place.path())?;
        let files: BTreeSet<&str> = now.manifest.files().collect();
        let segments = retained(&self.segments, &files);
        let records = retained(&self.records, &files);
        drop(files);
        Ok(Self { segments, records, ..now })
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

    /// Counts the bytes that are read of its files.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        self.place.meter()
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn segment(&self, name: &str) -> Result<Arc<Segment<StoredFile>>, StoreError> {
        let open = || open_segment(&self.place, name);
        opened(&self.segments, name, open)
    }

    pub(crate) fn records(&self, name: &str) -> Result<Arc<Others>, StoreError> {
        opened(&self.records, name, || Others::open(&self.place, name))
    }
}

/// What was opened of files that are still there.
fn retained<T>(
    all: &Mutex<BTreeMap<String, Arc<T>>>,
    files: &BTreeSet<&str>,
) -> Mutex<BTreeMap<String, Arc<T>>> {
    let all = all.lock().unwrap_or_else(PoisonError::into_inner);
    let there = all.iter().filter(|(name, _)| files.contains(name.as_str()));
    Mutex::new(there.map(|(name, opened)| (name.clone(), Arc::clone(opened))).collect())
}

/// Opens a file of plain sessions.
pub(crate) fn open_segment(place: &Place, name: &str) -> Result<Segment<StoredFile>, StoreError> {
    let path = place.path_of(name);
    Segment::open(place.open(name)?).map_err(|error| StoreError::segment(&path, error))
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

/// The inventory of a store, as a file on this machine.
#[derive(Debug)]
pub struct KeptInventory {
    path: PathBuf,
    /// Where the store is not on this machine: a copy, removed when nobody needs it any more.
    _copy: Option<TempDir>,
}

impl KeptInventory {
    /// Where it lies as long as this is held.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The inventory of a store, if it has one.
///
/// # Errors
/// As [`Store::open`]; and when the inventory is not what was written, or no copy of it can be made.
pub fn inventory_of(path: &Path) -> Result<Option<KeptInventory>, StoreError> {
    let Store { place, manifest, .. } = Store::open(path)?;
    let Some(inventory) = &manifest.inventory else { return Ok(None) };
    let bytes = place.read(&inventory.name)?;
    let path = place.path_of(&inventory.name);
    if crc32fast::hash(&bytes) != inventory.checksum {
        return Err(StoreError::Damaged { path, what: "its checksum does not fit".to_owned() });
    }
    if let Place::Folder(_) = place {
        return Ok(Some(KeptInventory { path, _copy: None }));
    }
    let copy = tempfile::tempdir().map_err(StoreError::write(&std::env::temp_dir()))?;
    let path = copy.path().join(path.file_name().unwrap_or_default());
    fs::write(&path, &bytes).map_err(StoreError::write(&path))?;
    Ok(Some(KeptInventory { path, _copy: Some(copy) }))
}
