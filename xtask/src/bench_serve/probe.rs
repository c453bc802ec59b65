//! Alerts and records whose way through the service is timed, from the file that they are written to, to the file
//! that says what became of them.

use super::now;
use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, ErrorKind, Write},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// What is timed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// The record of an alert that waits for it: until the answer has it.
    Record,
    /// An alert whose record is there: until its first answer.
    Alert,
}

/// Flow ids of probes begin here: those of the workload are smaller.
const FIRST: u64 = 1 << 40;
/// An alert about a record is written so much before it, and another one so much after.
const APART: Duration = Duration::from_secs(2);

/// Writes probes, and notes when.
pub(super) struct Probes<'t> {
    alerts: File,
    records: File,
    /// Those of which the record, or the second alert, is not written yet: when that is, and its time in the log.
    due: BTreeMap<(Instant, u64), (Kind, u64)>,
    next: u64,
    times: &'t Times,
}

/// When each was written that is not answered yet, and how long the others took.
#[derive(Default)]
pub(super) struct Times(Mutex<Timed>);

#[derive(Default)]
struct Timed {
    written: BTreeMap<u64, (Kind, Instant)>,
    records: Vec<Duration>,
    alerts: Vec<Duration>,
}

impl<'t> Probes<'t> {
    pub(super) fn new(folder: &Path, logs: &Path, times: &'t Times) -> Result<Self> {
        let create =
            |path: &Path| File::create(path).with_context(|| format!("cannot write {}", path.display()));
        let alerts = create(&folder.join("alerts/probes.jsonl"))?;
        let records = create(&logs.join("probes.jsonl"))?;
        Ok(Self { alerts, records, due: BTreeMap::new(), next: FIRST, times })
    }

    /// Writes a record that no alert asks for.
    pub(super) fn make_known(&mut self, second: u64) -> Result<()> {
        let nobody = self.next;
        self.next += 2;
        self.write_record(nobody, second)
    }

    /// Begins one about a session of that second: its alert is written, and waits.
    pub(super) fn begin(&mut self, second: u64) -> Result<()> {
        let id = self.next;
        self.next += 2;
        self.write_alert(id, id, second)?;
        self.due.insert((now() + APART, id), (Kind::Record, second));
        Ok(())
    }

    /// Goes on with those whose time has come.
    pub(super) fn go_on(&mut self) -> Result<()> {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now()) {
            let ((_, id), (kind, second)) = entry.remove_entry();
            match kind {
                Kind::Record => {
                    self.times.note(id, kind);
                    self.write_record(id, second)?;
                    self.due.insert((now() + APART, id), (Kind::Alert, second));
                }
                Kind::Alert => {
                    self.times.note(id + 1, kind);
                    self.write_alert(id + 1, id, second)?;
                }
            }
        }
        Ok(())
    }

    fn write_alert(&mut self, id: u64, about: u64, second: u64) -> Result<()> {
        let (outside, port, remote) = tuple(about);
        let line = format!(
            "{{\"timestamp\":\"{}\",\"flow_id\":{id},\"event_type\":\"alert\",\"src_ip\":\"{outside}\",\
             \"src_port\":{port},\"dest_ip\":\"{remote}\",\"dest_port\":443,\"proto\":\"TCP\",\
             \"alert\":{{\"signature_id\":1,\"signature\":\"probe\"}}}}\n",
            iso(second)
        );
        self.alerts.write_all(line.as_bytes()).context("cannot write an alert")
    }

    fn write_record(&mut self, about: u64, second: u64) -> Result<()> {
        let (outside, port, remote) = tuple(about);
        let (start, end) = (second - 5, second + 5);
        let line = format!(
            "{{\"instance\":\"ngw-probe\",\"vpc_id\":\"vpc-probe\",\"protocol\":6,\"pri_ip\":\"10.9.8.7\",\
             \"pri_port\":{port},\"pub_ip\":\"{remote}\",\"pub_port\":443,\"nat_ip\":\"{outside}\",\
             \"nat_port\":{port},\"start_time\":{start},\"end_time\":{end}}}\n"
        );
        self.records.write_all(line.as_bytes()).context("cannot write a record")
    }
}

/// The five-tuple of a probe: nobody else has it.
fn tuple(about: u64) -> (&'static str, u64, String) {
    let number = (about - FIRST) / 2;
    let remote = format!("192.0.2.{}", 1 + number / 50_000 % 250);
    ("198.18.255.1", 10_000 + number % 50_000, remote)
}

/// A time as EVE writes it.
fn iso(second: u64) -> String {
    let at = jiff::Timestamp::from_second(second.cast_signed()).unwrap_or_default();
    at.strftime("%Y-%m-%dT%H:%M:%S.000000+0000").to_string()
}

impl Times {
    fn locked(&self) -> std::sync::MutexGuard<'_, Timed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, id: u64, kind: Kind) {
        self.locked().written.insert(id, (kind, now()));
    }

    /// Follows the answers until told to stop.
    pub(super) fn follow(&self, answers: &Path, is_over: &AtomicBool) -> Result<()> {
        let file = loop {
            match File::open(answers) {
                Ok(file) => break file,
                Err(error) if error.kind() == ErrorKind::NotFound && !is_over.load(Ordering::Relaxed) => {
                    thread::sleep(Duration::from_millis(10));
                }
                Err(error) => return Err(error).context("cannot read the answers"),
            }
        };
        let mut lines = BufReader::new(file);
        let mut line = String::new();
        while !is_over.load(Ordering::Relaxed) {
            if lines.read_line(&mut line).context("cannot read the answers")? == 0 {
                thread::sleep(Duration::from_millis(1));
            } else if line.ends_with('\n') {
                self.hear(&line);
                line.clear();
            }
        }
        Ok(())
    }

    fn hear(&self, answer: &str) {
        let number = |text: &str| text.split(',').next()?.parse::<u64>().ok();
        let id = answer.split_once("\"flow_id\":").and_then(|(_, rest)| number(rest));
        let Some(id) = id.filter(|id| *id >= FIRST) else { return };
        let mut timed = self.locked();
        // While its record is not there the answer names nobody.
        if !answer.contains("10.9.8.7") {
            return;
        }
        let Some((kind, written)) = timed.written.remove(&id) else { return };
        let took = now() - written;
        match kind {
            Kind::Record => timed.records.push(took),
            Kind::Alert => timed.alerts.push(took),
        }
    }

    /// What was timed so far, records and alerts, in order of length; and how many are not answered.
    pub(super) fn take(&self) -> (Vec<Duration>, Vec<Duration>, usize) {
        let mut timed = self.locked();
        let (mut records, mut alerts) =
            (std::mem::take(&mut timed.records), std::mem::take(&mut timed.alerts));
        records.sort_unstable();
        alerts.sort_unstable();
        (records, alerts, timed.written.len())
    }
}
