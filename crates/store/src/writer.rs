//! Whoever writes to a store: one at a time.

use crate::{
    DROPPED, GROUPS, HOURS, INVENTORY, Lot, Manifest, RECORDS, StoreError,
    folder::aside,
    manifest::{DroppedEntry, InventoryEntry, RecordsEntry, SegmentEntry},
    others,
    place::{Listed, Place, Unpublished},
};
use std::{
    collections::BTreeMap,
    fs::File,
    hash::{BuildHasher, Hasher, RandomState},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use unmasq_io::{disk::OnDisk, source::Meter};
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

/// So many times in a row publishing may have failed in the middle.
const TRIES: u64 = 1_000;

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
    pub(crate) const fn place(&self) -> &Place {
        &self.place
    }

    /// A name that no file has, in one of the store's folders.
    pub(crate) fn unused(&self, folder: &str, prefix: &str, extension: &str) -> String {
        let number = self.names.next.fetch_add(1, Ordering::Relaxed);
        format!("{folder}/{prefix}{:016x}-{number:06}.{extension}", self.names.writer)
    }

    /// Writes a lot.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, lot: &Lot) -> Result<WrittenLot, StoreError> {
        let Lot { rows, names, others } = lot;
        let mut written = WrittenLot::default();
        if !rows.is_empty() {
            let name = self.unused(GROUPS, "", "parquet");
            let mut file = self.place.begin(&name)?;
            let path = self.place.path_of(&name);
            let told = unmasq_segment::write_lot(rows, names.names(), &mut file)
                .map_err(|error| StoreError::segment(&path, error))?;
            file.publish()?;
            written.segment = Some(SegmentEntry::of(name, told));
        }
        if !others.is_empty() {
            let name = self.unused(RECORDS, "", "jsonl.zst");
            let path = self.place.path_of(&name);
            let write = |out: &mut Unpublished| others::write(others, out).map_err(StoreError::write(&path));
            written.records = self.records(name, write)?;
        }
        Ok(written)
    }

    /// Writes a file of other records; none if nothing is in it.
    pub(crate) fn records(
        &self,
        name: String,
        write: impl FnOnce(&mut Unpublished) -> Result<others::Written, StoreError>,
    ) -> Result<Option<RecordsEntry>, StoreError> {
        let mut file = self.place.begin(&name)?;
        let entry = RecordsEntry::of(name, &write(&mut file)?);
        if entry.is_some() {
            file.publish()?;
        }
        Ok(entry)
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
        Self::open_on(path, OnDisk::default())
    }

    /// The same; where it is a folder, on a disk that is asked.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_on(path: &Path, disk: OnDisk) -> Result<Self, StoreError> {
        let place = Place::at(path)?.on(disk);
        place.make(&[GROUPS, HOURS, RECORDS, INVENTORY, DROPPED])?;
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

    /// Counts the bytes that are read of its files.
    #[must_use]
    pub fn meter(&self) -> &Meter {
        self.place.meter()
    }

    pub(crate) fn place(&self) -> &Place {
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
        next.dropped.extend(gone.iter().cloned());
        next.number = self.manifest.number + 1;
        next.writer = self.lots.names.writer;
        // A name that is taken may have been taken by ourselves: when publishing failed in the middle, or went well
        // and nobody told us. Somebody may have read that manifest, so that this one gets another number.
        while let Err(error) = next.publish(&self.place) {
            let is_ours = matches!(error, StoreError::Fenced { .. })
                && (self.lock.is_some()
                    || Manifest::writer_of(&self.place, next.number) == Some(next.writer));
            if !is_ours || next.number > self.manifest.number + TRIES {
                return Err(error);
            }
            next.number += 1;
        }
        self.manifest = next;
        for dropped in gone.iter().filter(|dropped| dropped.is_data()) {
            // It is no part of the store whether it could be moved or not, and whoever writes next tries again.
            let _ = self.place.set_aside(&dropped.name);
        }
        Ok(())
    }

    /// Keeps an inventory, if it is another than before.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn set_inventory(&mut self, called: SourceName, bytes: &[u8]) -> Result<(), StoreError> {
        let checksum = crc32fast::hash(bytes);
        let known = self.manifest.inventory.as_ref();
        // One that is damaged is no reason to keep nothing.
        let is_whole = |name: &str| self.place.read(name).is_ok_and(|kept| *kept == *bytes);
        if known.is_some_and(|known| known.called == called && is_whole(&known.name)) {
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

    /// Removes what was dropped a while ago, so long that nobody reads it any more.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn sweep_dropped(&mut self) -> Result<(), StoreError> {
        let oldest = now().saturating_sub(GRACE.as_secs());
        for dropped in self.manifest.dropped.iter().filter(|dropped| dropped.at < oldest) {
            // It may not have been set aside.
            [aside(&dropped.name), dropped.name.clone()]
                .iter()
                .try_for_each(|name| self.place.remove(name))?;
        }
        // They are forgotten with whatever is committed next.
        self.manifest.dropped.retain(|dropped| dropped.at >= oldest);
        Ok(())
    }

    /// Removes what is no part of the store: what a crash left, and what was dropped a while ago. What was
    /// dropped since is set aside, as far as a crash came before.
    fn sweep(&mut self) -> Result<(), StoreError> {
        let now = now();
        let stays = |dropped: &DroppedEntry| now < dropped.at.saturating_add(GRACE.as_secs());
        // What another writer may be about to make a part of the store stays too.
        let young =
            |file: &Listed| file.written.is_some_and(|at| now.saturating_add_signed(-at) < GRACE.as_secs());
        let kept: BTreeMap<String, &str> = self.manifest.files().map(|name| (aside(name), name)).collect();
        let dropped: BTreeMap<String, &DroppedEntry> =
            self.manifest.dropped.iter().map(|dropped| (aside(&dropped.name), dropped)).collect();
        let (mut gone, mut unknown) = (Vec::new(), Vec::new());
        for inner in [GROUPS, HOURS, RECORDS, INVENTORY, DROPPED] {
            for file in self.place.list(inner)? {
                let own = aside(&file.name);
                match (kept.get(&own), dropped.get(&own)) {
                    // An older manifest may have been restored.
                    (Some(name), _) if inner == DROPPED => self.place.put_back(name)?,
                    (Some(_), _) => {}
                    (None, Some(dropped)) if !stays(dropped) => gone.push(file.name),
                    (None, Some(dropped)) if dropped.is_data() => self.place.set_aside(&file.name)?,
                    (None, Some(_)) => {}
                    (None, None) => unknown.extend((!young(&file)).then_some(file.name)),
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

#[cfg(test)]
mod tests {
    use super::{Writer, WrittenLot};
    use crate::{Store, StoreError};
    use std::{
        io,
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
    };
    use unmasq_io::disk::{Change, Disk, OnDisk};

    /// Refuses the file of that number, before it is there or after, and no other.
    #[derive(Debug)]
    struct Refuses {
        file: u64,
        after: bool,
        files: AtomicU64,
    }

    impl Refuses {
        fn asked(&self, change: Change, after: bool) -> io::Result<()> {
            let is_it = change == Change::File
                && after == self.after
                && self.files.fetch_add(1, Ordering::Relaxed) + 1 == self.file;
            if is_it { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
        }
    }

    impl Disk for Refuses {
        fn before(&self, change: Change) -> io::Result<()> {
            self.asked(change, false)
        }

        fn after(&self, change: Change) -> io::Result<()> {
            self.asked(change, true)
        }
    }

    #[test]
    fn a_manifest_that_was_half_published_keeps_nobody_from_writing() {
        // A commit without a lot writes a manifest and its copy.
        let half = [(3, false), (3, true), (4, false), (4, true)];
        for ((file, after), is_locked) in half.into_iter().flat_map(|at| [(at, true), (at, false)]) {
            let place = tempfile::tempdir().unwrap();
            let disk = Refuses { file, after, files: AtomicU64::new(0) };
            let mut writer = Writer::open_on(place.path(), OnDisk::of(Arc::new(disk))).unwrap();
            if !is_locked {
                // As in a bucket.
                writer.lock = None;
            }
            writer.commit(WrittenLot::default(), |_| ()).unwrap();
            writer.commit(WrittenLot::default(), |_| ()).unwrap_err();
            writer.commit(WrittenLot::default(), |_| ()).unwrap();
            writer.commit(WrittenLot::default(), |_| ()).unwrap();
            let number = writer.manifest().number;
            drop(writer);
            assert_eq!(Writer::open(place.path()).unwrap().manifest().number, number, "{file} {after}");
            Store::open(place.path()).unwrap();
        }
    }

    #[test]
    fn where_nothing_is_locked_another_manifest_of_the_same_number_is_not_ours() {
        let place = tempfile::tempdir().unwrap();
        let [mut one, mut other] = [(); 2].map(|()| {
            let mut writer = Writer::open(place.path()).unwrap();
            writer.lock = None;
            writer
        });
        one.commit(WrittenLot::default(), |_| ()).unwrap();
        let refused = other.commit(WrittenLot::default(), |_| ()).unwrap_err();
        assert!(matches!(refused, StoreError::Fenced { .. }), "{refused}");
        one.commit(WrittenLot::default(), |_| ()).unwrap();
    }
}
