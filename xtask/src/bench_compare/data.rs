//! The workload as files, made once and used again.

use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};
use unmasq_testkit::workload::{
    self, GENERATION, Plan, Shape, TRUTH_HEADER, Writer, alerts, write_alert, write_truth,
};

/// What is to be there.
pub(crate) struct Wanted {
    pub(crate) seed: u64,
    pub(crate) sessions: u64,
    pub(crate) alerts: usize,
    pub(crate) shape: Shape,
}

/// Where it is.
pub(crate) struct Data {
    pub(crate) folder: PathBuf,
    pub(crate) sessions: PathBuf,
    pub(crate) alerts: PathBuf,
    pub(crate) truth: PathBuf,
}

/// Makes what is not there yet, or was made of another plan.
pub(crate) fn made(folder: &Path, wanted: &Wanted) -> Result<Data> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let data = Data {
        folder: folder.to_owned(),
        sessions: folder.join(wanted.shape.file_name()),
        alerts: folder.join(format!("alerts-{}.eve.jsonl", wanted.alerts)),
        truth: folder.join(format!("truth-{}.csv", wanted.alerts)),
    };
    let plan = Plan { seed: wanted.seed, records: wanted.sessions };
    let made_of = format!("generation {GENERATION}, seed {}, {} records\n", plan.seed, plan.records);
    if !is_made_of(&data.sessions, &made_of) {
        eprintln!("making {}", data.sessions.display());
        make(&data.sessions, &made_of, |out| write_sessions(&plan, wanted.shape, out))?;
    }
    if !is_made_of(&data.alerts, &made_of) || !is_made_of(&data.truth, &made_of) {
        eprintln!("making {} and its truth", data.alerts.display());
        let alerts = alerts(&plan, wanted.alerts);
        make(&data.alerts, &made_of, |out| {
            alerts.iter().try_for_each(|alert| write_alert(out, alert)).context("cannot write an alert")
        })?;
        make(&data.truth, &made_of, |out| {
            writeln!(out, "{TRUTH_HEADER}")?;
            alerts.iter().try_for_each(|alert| write_truth(out, alert)).context("cannot write a truth")
        })?;
    }
    Ok(data)
}

/// Writes the whole log, a record at a time.
pub(crate) fn write_sessions(plan: &Plan, shape: Shape, out: &mut dyn Write) -> Result<()> {
    let mut writer = Writer::new(out, shape).context("cannot write the header")?;
    for record in workload::records(plan) {
        writer.write(&record).context("cannot write a record")?;
    }
    out.flush().context("cannot write a record")
}

/// Beside each file stands what it was made of.
fn note_of(path: &Path) -> PathBuf {
    path.with_added_extension("made-of")
}

fn is_made_of(path: &Path, made_of: &str) -> bool {
    path.exists() && fs::read_to_string(note_of(path)).is_ok_and(|note| note == made_of)
}

/// The note is written last, so that a file that was broken off is made again.
fn make(path: &Path, made_of: &str, write: impl FnOnce(&mut BufWriter<File>) -> Result<()>) -> Result<()> {
    let note = note_of(path);
    if note.exists() {
        fs::remove_file(&note).with_context(|| format!("cannot remove {}", note.display()))?;
    }
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    write(&mut out)
        .and_then(|()| Ok(out.flush()?))
        .with_context(|| format!("cannot write {}", path.display()))?;
    fs::write(&note, made_of).with_context(|| format!("cannot write {}", note.display()))
}
