//! Whoever writes to a store: one at a time.

use crate::{
    GROUPS, HOURS, INVENTORY, Lot, Manifest, RECORDS, StoreError,
    manifest::{DroppedEntry, InventoryEntry, RecordsEntry, SegmentEntry},
    others,
    place::{Listed, Place, Unpublished},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use unmasq_model::SourceName;

/// The one who writes to a store.
///
/// What [`commit`](Self::commit) has returned from is there whatever happens to the process or the machine
/// after it; what it has not returned from is there whole or not at all.
#[derive(Debug)]
pub struct Writer {
    place: Place,
    manifest: Manifest,
    lots: Lots,
    /// Held as long as we write, where there are locks.
    lock: Option<File>,
}

/// How long files stay that are no part of the store: somebody may have begun to read them, or may be about to
/// make them a part of it.
const GRACE: Duration = Duration::from_secs(600);

/// Writes lots, several at once, of which nobody knows before they are committed.
#[derive(Clone, Debug)]
pub struct Lots {
    place: Place,
    names: Arc<Unused>,
}

/// Gives out names that no file has.
#[derive(Debug)]
struct Unused {
    /// Drawn anew by every writer, so that two never give out the same.
    writer: u64,
    next: AtomicU64,
}

/// A lot that is written.
#[derive(Debug, Default)]
pub struct WrittenLot {
    pub(crate) segment: Option<SegmentEntry>,
    pub(crate) records: Option<RecordsEntry>,
}

impl Lots {
    /// A name that no file has, in one of the store's folders.
    pub(crate) fn unused(&self, folder: &str, prefix: &str, extension: &str) -> String {
        let number = self.names.next.fetch_add(1, Ordering::Relaxed);
        format!("{folder}/{prefix}{:016x}-{number:06}.{extension}", self.names.writer)
    }

    /// Writes a lot.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, lot: Lot) -> Result<WrittenLot, StoreError> {
        let Lot { mut rows, names, others } = lot;
        let mut written = WrittenLot::default();
        if !rows.is_empty() {
            rows.sort_unstable();
            rows.dedup();
            let name = self.unused(GROUPS, "", "parquet");
            let mut file = self.place.begin(&name)?;
            let path = self.place.path_of(&name);
            let told = unmasq_segment::write(&rows, names.names(), &[], &mut file)
                .map_err(|error| StoreError::segment(&path, error))?;
            file.publish()?;
            written.segment = Some(SegmentEntry::of(name, told));
        }
        if !others.is_empty() {
            let name = self.unused(RECORDS, "", "jsonl.zst");
            let path = self.place.path_of(&name);
            let write = |out: &mut Unpublished| others::write(&others, out).map_err(StoreError::write(&path));
            written.records = Some(self.records(name, write)?);
        }
        Ok(written)
    }

    pub(crate) fn records(
        &self,
        name: String,
        write: impl FnOnce(&mut Unpublished) -> Result<others::Written, StoreError>,
    ) -> Result<RecordsEntry, StoreError> {
        let mut file = self.place.begin(&name)?;
        let others::Written { lines, bytes, checksum } = write(&mut file)?;
        file.publish()?;
        Ok(RecordsEntry { name, lines, bytes, checksum })
    }
}

impl Writer {
    /// Opens the store in a folder, or at `s3://BUCKET/PREFIX`, to write to it; makes one where there is none.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if somebody else writes to the folder; and when the place cannot be written to, or
    /// what is there cannot be read. In a bucket nobody is kept off: of two writers, one is
    /// [fenced](StoreError::Fenced) when it [commits](Self::commit).
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let place = Place::at(path)?;
        place.make(&[GROUPS, HOURS, RECORDS, INVENTORY])?;
        let lock = place.lock()?;
        let writer = RandomState::new().build_hasher().finish();
        let manifest = match Manifest::newest(&place)? {
            Some((manifest, wrong)) => match wrong.into_iter().next() {
                // Written on, it would be lost; as it stands, a copy may still be restored.
                Some(error) if !manifest.is_newest(&place)? => return Err(error),
                _ => manifest,
            },
            None => {
                place.try_fence(&format!("{INVENTORY}/fence-{writer:016x}"))?;
                Manifest::default()
            }
        };
        let names = Arc::new(Unused { writer, next: AtomicU64::new(0) });
        let lots = Lots { place: place.clone(), names };
        let mut writer = Self { place, manifest, lots, lock };
        writer.sweep()?;
        Ok(writer)
    }

    /// What the store consists of now.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Whoever writes lots for it.
    #[must_use]
    pub fn lots(&self) -> Lots {
        self.lots.clone()
    }

    pub(crate) fn folder(&self) -> &Place {
        &self.place
    }

    /// Makes a lot a part of the store, together with what `change` changes.
    ///
    /// # Errors
    /// When the manifest cannot be written, or somebody else wrote one; the store is then as it was.
    pub fn commit(&mut self, lot: WrittenLot, change: impl FnOnce(&mut Manifest)) -> Result<(), StoreError> {
        let mut next = self.manifest.clone();
        next.segments.extend(lot.segment);
        next.records.extend(lot.records);
        change(&mut next);
        next.segments.sort_by(|one, other| one.name.cmp(&other.name));
        next.records.sort_by(|one, other| one.name.cmp(&other.name));
        self.put(next)
    }

    fn put(&mut self, mut next: Manifest) -> Result<(), StoreError> {
        let at = now();
        let gone = self.manifest.files().filter(|name| !next.files().any(|kept| kept == *name));
        let gone: Vec<DroppedEntry> = gone.map(|name| DroppedEntry { name: name.to_owned(), at }).collect();
        next.dropped.extend(gone);
        next.number = self.manifest.number + 1;
        next.writer = self.lots.names.writer;
        next.publish(&self.place)?;
        self.manifest = next;
        Ok(())
    }

    /// Keeps an inventory, if it is another than before.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn set_inventory(&mut self, called: SourceName, bytes: &[u8]) -> Result<(), StoreError> {
        let checksum = crc32fast::hash(bytes);
        let known = self.manifest.inventory.as_ref();
        if known.is_some_and(|known| known.checksum == checksum && known.called == called) {
            return Ok(());
        }
        let extension = Path::new(called.as_str()).extension().and_then(|extension| extension.to_str());
        // Not every letter can be in the name of an object.
        let plain = |extension: &&str| extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let name = self.lots.unused(INVENTORY, "", extension.filter(plain).unwrap_or("json"));
        self.place.put(&name, bytes)?;
        self.commit(WrittenLot::default(), |manifest| {
            manifest.inventory = Some(InventoryEntry { name, called, checksum });
        })
    }

    /// Removes what is no part of the store: what a crash left, and what was dropped a while ago.
    fn sweep(&mut self) -> Result<(), StoreError> {
        let now = now();
        let stays = |dropped: &DroppedEntry| now < dropped.at.saturating_add(GRACE.as_secs());
        // What another writer may be about to make a part of the store stays too.
        let young =
            |file: &Listed| file.written.is_some_and(|at| now.saturating_add_signed(-at) < GRACE.as_secs());
        let kept: BTreeSet<&str> = self.manifest.files().collect();
        let dropped: BTreeMap<&str, bool> =
            self.manifest.dropped.iter().map(|dropped| (dropped.name.as_str(), stays(dropped))).collect();
        let (mut gone, mut unknown) = (Vec::new(), Vec::new());
        for inner in [GROUPS, HOURS, RECORDS, INVENTORY] {
            for file in self.place.list(inner)? {
                match dropped.get(file.name.as_str()) {
                    _ if kept.contains(file.name.as_str()) => {}
                    Some(stays) => gone.extend((!stays).then_some(file.name)),
                    None => unknown.extend((!young(&file)).then_some(file.name)),
                }
            }
        }
        if self.lock.is_none() && !unknown.is_empty() {
            // However old they are, a slow writer may still name them in the next manifest, unless that is ours.
            self.put(self.manifest.clone())?;
        }
        self.place.sweep(&[""])?;
        gone.iter().chain(&unknown).try_for_each(|name| self.place.remove(name))?;
        // Those that are gone are forgotten with whatever is committed next.
        self.manifest.dropped.retain(stays);
        Ok(())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "only says when a file may be removed; no answer depends on it"
)]
fn now() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
