//! Stores that were damaged: what is wrong is said, and no damage is taken for an answer.

use crate::run::{Ran, Workplace};
use std::{fs, path::PathBuf};

const TRACE: &str = "trace --store past --alerts ndr-alerts.jsonl --quiet";

fn remembered() -> Workplace {
    let place = Workplace::with_alibaba();
    place.run("import --store past --inventory inventory.toml").well();
    place
}

/// The files that a store consists of.
fn files(place: &Workplace) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["past", "past/groups", "past/hours", "past/records", "past/inventory"] {
        let entries = fs::read_dir(place.path(folder)).unwrap().map(|entry| entry.unwrap().path());
        found.extend(entries.filter(|path| path.is_file() && !path.ends_with("writer.lock")));
    }
    found.sort();
    found
}

/// Puts the file right again when all was tried.
struct Harmed<'p> {
    place: &'p Workplace,
    path: PathBuf,
    whole: Vec<u8>,
    answers: &'p str,
}

impl Harmed<'_> {
    /// The store without this damage answers so; with it, it says so or fails.
    fn with(&self, bytes: Option<Vec<u8>>, how: &str) {
        match bytes {
            Some(bytes) => fs::write(&self.path, bytes).unwrap(),
            None => fs::remove_file(&self.path).unwrap(),
        }
        let name = self.path.file_name().unwrap().to_str().unwrap();
        let verified = self.place.run("store verify past");
        let told = verified.out.contains(name) || verified.err.contains(name);
        assert!(told, "verify does not tell that {name} is {how}:\n{}{}", verified.out, verified.err);
        let Ran { exit, out, .. } = self.place.run(TRACE);
        assert!(exit == 1 || out == self.answers, "with {name} {how} the answers are others");
        fs::write(&self.path, &self.whole).unwrap();
    }
}

#[test]
fn whatever_is_damaged_is_found_and_never_answers() {
    let place = remembered();
    let answers = place.run(TRACE).well().out;
    // The manifests before the last are kept for a while; nothing rests on them.
    let newest = files(&place).into_iter().filter(|path| path.to_str().unwrap().contains("manifest-")).max();
    let newest = newest.unwrap().file_name().unwrap().to_str().unwrap()[..19].to_owned();
    for path in files(&place) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("manifest-") && !name.starts_with(&newest) {
            continue;
        }
        let whole = fs::read(&path).unwrap();
        let harmed = Harmed { place: &place, path: path.clone(), whole: whole.clone(), answers: &answers };
        let length = whole.len();
        for cut in [0, 1, length / 3, length - 20, length - 1] {
            harmed.with(Some(whole[..cut].to_vec()), &format!("cut at {cut}"));
        }
        for bit in 0..12 {
            let mut other = whole.clone();
            other[length * bit / 12 + bit] ^= 1 << (bit % 8);
            harmed.with(Some(other), &format!("flipped at {bit}/12"));
        }
        harmed.with(None, "missing");
    }
    place.run("store verify past").well();
}

#[test]
fn a_damaged_manifest_is_read_from_its_copy() {
    let place = remembered();
    let answers = place.run(TRACE).well().out;
    let newest = |suffix: &str| {
        let named = files(&place).into_iter().filter(|path| path.to_str().unwrap().ends_with(suffix));
        named.filter(|path| path.to_str().unwrap().contains("manifest-")).max().unwrap()
    };
    let (copy, own) = (newest(".copy.json"), newest(".json"));
    fs::write(&own, b"{}").unwrap();
    place.run(TRACE).well();
    assert!(place.run(TRACE).out == answers, "the copy answers otherwise");
    // With neither, what is known is older: that is said, and nobody may write on.
    fs::write(&copy, b"{}").unwrap();
    place.run("trace --store past --alerts ndr-alerts.jsonl").exits(3).says("manifest-");
    place.run("import --store past nat-session.csv").exits(1).says("is damaged");
}

#[test]
fn a_store_that_may_only_be_read_is_read() {
    let place = remembered();
    let answers = place.run(TRACE).well().out;
    let folder = place.path("past");
    let ran = place.command("sh").args(["-c", "id -u"]).output().unwrap();
    if ran.stdout == b"0\n" {
        // Root may write everywhere; there it is the file system that may not.
        return;
    }
    for path in ["", "groups", "hours", "records", "inventory"] {
        let mut permissions = fs::metadata(folder.join(path)).unwrap().permissions();
        permissions.set_readonly(true);
        fs::set_permissions(folder.join(path), permissions).unwrap();
    }
    assert!(place.run(TRACE).well().out == answers, "the answers differ");
    place.run("import --store past nat-session.csv").exits(1).says("cannot write");
}

/// No file may grow beyond a few kilobytes: as where a disk is full.
#[test]
fn where_nothing_more_can_be_written_nothing_is_lost() {
    let place = Workplace::with_whole_lab();
    place.run("import --store past --inventory inventory.json gw-b.conntrack-kts.log").well();
    let before = place.run("store stats past --json").well().out;
    let program = env!("CARGO_BIN_EXE_unmasq");
    let import =
        format!("trap '' XFSZ; ulimit -f 8; exec {program} import --store past --inventory inventory.json");
    let child = place.command("sh").args(["-c", &import]).spawn().unwrap();
    Ran::of(child).exits(1).says("cannot write");
    assert_eq!(place.run("store stats past --json").well().out, before);
    place.run("import --store past --inventory inventory.json").well();
    place.run("store verify past").well();
    let trace = "--alerts eve.json --processes process.jsonl --quiet";
    let from_logs = place.run(&format!("trace --inventory inventory.json {trace}")).well().out;
    assert!(place.run(&format!("trace --store past {trace}")).well().out == from_logs, "the answers differ");
}
