//! Stores in a bucket, on a real S3 server over a folder.

mod server;

use crate::run::{Ran, Workplace, free_port};
use serde_json::Value;
use server::Server;
use std::{fs, path::PathBuf, process::Child};
use unmasq_testkit::workload::{self, Plan, Shape};

const LAB: &str = "--processes process.jsonl --alerts eve.json --quiet";

/// A place, and a bucket that is not on it.
struct Site {
    place: Workplace,
    server: Server,
    /// How long parts are, if not as long as they usually are.
    part_bytes: Option<usize>,
}

const STORE: &str = "s3://history/site-a/nat";

impl Site {
    fn of(place: Workplace) -> Self {
        Self { place, server: Server::start(), part_bytes: None }
    }

    fn start(&self, line: &str) -> Child {
        let mut command = self.place.command(env!("CARGO_BIN_EXE_unmasq"));
        self.server.tell(&mut command);
        command.envs(self.part_bytes.map(|bytes| ("UNMASQ_PART_BYTES", bytes.to_string())));
        command.args(line.split_whitespace()).spawn().unwrap()
    }

    fn run(&self, line: &str) -> Ran {
        Ran::of(self.start(line))
    }

    fn stats(&self) -> Value {
        serde_json::from_str(&self.run(&format!("store stats {STORE} --json")).well().out).unwrap()
    }

    /// The objects of the store in one of its folders, as the server's files.
    fn objects(&self, inner: &str) -> Vec<PathBuf> {
        let folder = self.server.folder().join("history/site-a/nat").join(inner);
        let mut found: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.retain(|path| path.is_file());
        found.sort();
        found
    }
}

#[test]
fn a_store_in_a_bucket_gives_the_same_answers() {
    let site = Site::of(Workplace::with_whole_lab());
    site.run(&format!("import --store {STORE} --inventory inventory.json")).well();
    let from_logs = site.run(&format!("trace --inventory inventory.json {LAB}")).well().out;
    let lookup = "lookup 203.0.113.10:20038 --remote 198.51.100.66:80 --proto tcp --at 2026-11-22T10:57:52.310113Z \
                  --processes process.jsonl";
    let looked_up = site.run(&format!("{lookup} --inventory inventory.json")).well().out;
    fs::remove_file(site.place.path("gw-a.conntrack.log")).unwrap();
    let from_store = site.run(&format!("trace --store {STORE} {LAB}")).well().out;
    assert!(from_logs == from_store, "the answers differ");
    assert_eq!(site.run(&format!("{lookup} --store {STORE}")).well().out, looked_up);
    // A slash at the end is the same place, and nothing of it lies on this machine.
    site.run(&format!("store verify {STORE}/")).well();
    assert!(!site.place.path("s3:").exists());
}

#[test]
fn large_files_are_uploaded_in_parts() {
    const SESSIONS: u64 = 20_000;
    const PART_BYTES: usize = 8 * 1024;
    let mut site = Site::of(Workplace::new());
    site.part_bytes = Some(PART_BYTES);
    let mut log = Vec::new();
    let mut writer = workload::Writer::new(&mut log, Shape::Json).unwrap();
    workload::records(&Plan { seed: 3, records: SESSIONS }).for_each(|record| writer.write(&record).unwrap());
    site.place.write("nat.jsonl", log);
    site.run(&format!("import --store {STORE} nat.jsonl")).well();
    let large = |path: &PathBuf| fs::metadata(path).unwrap().len() > 3 * PART_BYTES as u64;
    for inner in ["groups", "hours"] {
        assert!(site.objects(inner).iter().any(large), "no file of {inner} is large");
    }
    site.run(&format!("store verify {STORE}")).well();
    assert_eq!(site.stats()["logs"][0]["records"], SESSIONS);
    site.part_bytes = Some(0);
    site.run(&format!("store stats {STORE}")).exits(1).says("UNMASQ_PART_BYTES");
}

#[test]
fn importing_into_a_bucket_again_doubles_nothing() {
    let site = Site::of(Workplace::with_alibaba());
    let import = format!("import --store {STORE} --inventory inventory.toml");
    site.run(&import).well();
    let trace = "trace --alerts ndr-alerts.jsonl --quiet --evidence ref";
    let from_logs = site.run(&format!("{trace} --inventory inventory.toml")).well().out;
    let before = site.stats();
    assert_eq!(before["unmerged"], 0, "{before:#}");
    assert!(!site.objects("hours").is_empty());
    site.run(&import).well().says("in the store already");
    // The inventory that is in the store is used.
    site.run(&format!("import --store {STORE}")).exits(1).says("nothing to import");
    site.run(&format!("import --store {STORE} nat-session.csv")).well().says("in the store already");
    assert_eq!(site.stats(), before);
    assert!(site.run(&format!("{trace} --store {STORE}")).well().out == from_logs, "the answers differ");

    site.run(&format!("store compact {STORE}")).well();
    site.run(&format!("store expire {STORE} --before 2000-01-01T00:00:00Z")).well();
    assert_eq!(site.stats()["hours"], before["hours"]);
    site.run(&format!("store expire {STORE} --before 2100-01-01T00:00:00Z")).well();
    assert!(site.stats()["hours"].as_array().unwrap().is_empty());
    site.run(&format!("store verify {STORE}")).well();
}

#[test]
fn of_two_who_write_to_a_bucket_one_is_fenced() {
    let site = Site::of(Workplace::with_whole_lab());
    site.run(&format!("import --store {STORE} --inventory inventory.json gw-b.conntrack-kts.log")).well();
    // Both have read the same manifest before either of them writes the next.
    site.server.hold_manifests(2);
    let import = format!("import --store {STORE} --inventory inventory.json");
    let both = [site.start(&import), site.start(&import)].map(Ran::of);
    let fenced: Vec<&Ran> = both.iter().filter(|ran| ran.exit != 0).collect();
    let told: Vec<&str> = both.iter().map(|ran| ran.err.as_str()).collect();
    assert_eq!(fenced.len(), 1, "{told:#?}");
    assert!(fenced[0].err.contains("another writer has put `s3://history/site-a/nat/manifest-"), "{told:#?}");
    // What the other left is no part of the store, and too young to be removed: it may be about to commit it.
    let verified = site.run(&format!("store verify {STORE} --json"));
    let verified: Value = serde_json::from_str(&verified.well().out).unwrap();
    let strangers = verified["findings"].as_array().unwrap().len();
    assert!(strangers > 0, "{verified:#}");
    site.run(&import).well().says("in the store already");
    let from_logs = site.run(&format!("trace --inventory inventory.json {LAB}")).well().out;
    assert!(site.run(&format!("trace --store {STORE} {LAB}")).well().out == from_logs, "the answers differ");
    // When they are old they go.
    site.server.age_objects();
    site.run(&import).well();
    let verified: Value =
        serde_json::from_str(&site.run(&format!("store verify {STORE} --json")).well().out).unwrap();
    assert!(verified["findings"].as_array().unwrap().is_empty(), "{verified:#}");
}

#[test]
fn what_is_missing_or_changed_in_a_bucket_is_found() {
    let site = Site::of(Workplace::with_alibaba());
    site.run(&format!("import --store {STORE} --inventory inventory.toml")).well();
    let trace = format!("trace --store {STORE} --alerts ndr-alerts.jsonl --quiet");
    let answers = site.run(&trace).well().out;
    for object in [site.objects("hours"), site.objects("inventory")].concat() {
        let name = object.file_name().unwrap().to_str().unwrap();
        let whole = fs::read(&object).unwrap();
        let mut other = whole.clone();
        other[whole.len() / 2] ^= 1;
        for bytes in [None, Some(other), Some(whole[..whole.len() - 1].to_vec())] {
            match bytes {
                Some(bytes) => fs::write(&object, bytes).unwrap(),
                None => fs::remove_file(&object).unwrap(),
            }
            let verified = site.run(&format!("store verify {STORE}"));
            let told = format!("{}{}", verified.out, verified.err);
            assert!(told.contains(name) && told.contains("s3://history/site-a/nat/"), "{name}: {told}");
            let traced = site.run(&trace);
            assert!(traced.exit == 1 || traced.out == answers, "with {name} harmed the answers are others");
            fs::write(&object, &whole).unwrap();
        }
    }
    site.run(&format!("store verify {STORE}")).well();
}

#[test]
fn what_cannot_be_reached_is_said_without_secrets() {
    let site = Site::of(Workplace::with_alibaba());
    let stats = format!("store stats {STORE}");
    site.run(&stats).exits(1).says("there is no store in `s3://history/site-a/nat`");
    site.run("store stats s3://elsewhere/nat").exits(1).says("NoSuchBucket");
    site.run("store stats gs://history/nat")
        .exits(1)
        .says("a store lies in a folder or at s3://BUCKET/PREFIX");
    let refused = |name: &str, value: &str| {
        let mut command = site.place.command(env!("CARGO_BIN_EXE_unmasq"));
        site.server.tell(&mut command);
        let ran = Ran::of(command.args(stats.split(' ')).env(name, value).spawn().unwrap())
            .exits(1)
            .says("AWS_ENDPOINT_URL");
        for secret in ["wrong-secret", server::SECRET, "AWS4-HMAC", "Signature="] {
            assert!(!ran.err.contains(secret), "{}", ran.err);
        }
        ran
    };
    refused("AWS_SECRET_ACCESS_KEY", "wrong-secret").says("403");
    // A port of which nobody listens.
    refused("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", free_port())).says("refused");
    refused("AWS_ALLOW_HTTP", "false");
}

#[test]
fn a_server_that_overwrites_is_refused() {
    let site = Site::of(Workplace::with_alibaba());
    site.server.overwrite();
    let import = format!("import --store {STORE} --inventory inventory.toml");
    site.run(&import).exits(1).says("does not refuse to overwrite");
}
