//! The service step by step; `cargo xtask sim --shell` does it in many worlds.

use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use unmasq_io::disk::{Change, Disk, OnDisk};
use unmasq_model::Arrival;
use unmasq_node::{
    SessionsArg,
    serve::{Clock, Counters, Options, Part, SetClock, Stepped, stepped},
};
use unmasq_testkit::workload::{self, Plan, Shape};

fn lives(options: &Options, live: impl FnOnce(&mut Stepped<'_>, &Counters)) {
    lives_on(&OnDisk::default(), options, live);
}

fn lives_on(disk: &OnDisk, options: &Options, live: impl FnOnce(&mut Stepped<'_>, &Counters)) {
    let clock: &'static SetClock = Box::leak(Box::default());
    clock.set(Arrival::from_unix_us(1_795_305_600_000_000));
    let counters = Arc::new(Counters::default());
    stepped(options, Clock::Set(clock), &counters, disk, |service| live(service, &counters)).unwrap();
}

fn write(path: &Path, records: std::ops::Range<usize>) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    let plan = Plan { seed: 3, records: 10 };
    for record in workload::records(&plan).take(records.end).skip(records.start) {
        let mut line = Vec::new();
        workload::Writer::new(&mut line, Shape::Json).unwrap().write(&record).unwrap();
        file.write_all(&line).unwrap();
    }
}

#[test]
fn a_log_that_nobody_had_written_to_meanwhile_is_followed_all_the_same() {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("nat.jsonl");
    let mut options = Options::new(place.path().join("data"));
    let format = "alibaba-nat".parse().ok();
    options.sources.sessions =
        vec![SessionsArg { format, layout: None, path: log.to_string_lossy().into_owned() }];
    write(&log, 0..4);
    lives(&options, |service, counters| {
        service.step(Part::Logs);
        assert_eq!(counters.records_stored.get(), 4);
    });
    lives(&options, |service, counters| {
        service.step(Part::Logs);
        assert_eq!(counters.records_stored.get(), 0);
        write(&log, 4..7);
        service.step(Part::Logs);
        assert_eq!(counters.records_stored.get(), 3);
        write(&log, 7..10);
        service.step(Part::Logs);
        assert_eq!(counters.records_stored.get(), 6);
    });
}

/// Refuses everything while it is told to.
#[derive(Debug, Default)]
struct Full(AtomicBool);

impl Disk for Full {
    fn before(&self, _: Change) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn after(&self, _: Change) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_log_that_could_not_be_declared_is_declared_later() {
    let place = tempfile::tempdir().unwrap();
    let log = place.path().join("nat.jsonl");
    fs::write(&log, "").unwrap();
    let mut options = Options::new(place.path().join("data"));
    let format = "alibaba-nat".parse().ok();
    options.sources.sessions =
        vec![SessionsArg { format, layout: None, path: log.to_string_lossy().into_owned() }];
    let disk = Arc::new(Full::default());
    lives_on(&OnDisk::of(disk.clone()), &options, |service, counters| {
        disk.0.store(true, Ordering::Relaxed);
        service.step(Part::Logs);
        assert_eq!((counters.errors.get(), counters.lots_stored.get()), (1, 0));
        disk.0.store(false, Ordering::Relaxed);
        service.step(Part::Logs);
        assert_eq!((counters.errors.get(), counters.lots_stored.get()), (1, 1));
    });
}
