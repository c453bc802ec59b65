//! What reviewers would say twice, checked as tests.

use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The floors, lowest first: a crate may know those of lower floors and nothing else of ours.
const FLOORS: [&[&str]; 8] = [
    &["unmasq-model"],
    &["unmasq-decode", "unmasq-index", "unmasq-segment"],
    &["unmasq-engine"],
    &["unmasq-io"],
    &["unmasq-store", "unmasq-work"],
    &["unmasq-node"],
    &["unmasq-web"],
    &["unmasq"],
];

/// What the floors below F3 must not know: whatever waits, reads, draws or spawns.
const FORBIDDEN_BELOW_IO: [&str; 8] = [
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::thread",
    "std::process",
    "SystemTime",
    "Instant::now",
    "println!",
];

/// A file that is longer than this is several things in one.
const LINES_MAX: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").into()
}

fn floor(name: &str) -> Option<usize> {
    FLOORS.iter().position(|crates| crates.contains(&name))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.file_name().and_then(|name| name.to_str()) {
            Some("target" | ".git") => {}
            _ if path.is_dir() => sources(&path, found),
            Some(name) if name.ends_with(".rs") => found.push(path),
            _ => {}
        }
    }
}

#[test]
fn dependencies_only_go_down() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&metadata.stdout).expect("cargo metadata is JSON");
    for package in metadata["packages"].as_array().expect("there are packages") {
        let name = package["name"].as_str().expect("a package has a name");
        let Some(own) = floor(name) else {
            assert!(["unmasq-testkit", "xtask"].contains(&name), "{name} stands on no floor");
            continue;
        };
        let dependencies = package["dependencies"].as_array().expect("there are dependencies");
        for dependency in dependencies.iter().filter(|dependency| dependency["kind"].is_null()) {
            let below = dependency["name"].as_str().expect("a dependency has a name");
            assert_ne!(below, "unmasq-testkit", "{name} needs the testkit to run");
            assert!(
                floor(below).is_none_or(|below| below < own),
                "{name} stands below {below}, not above it"
            );
        }
    }
}

#[test]
fn the_core_neither_waits_nor_reads() {
    let mut found = Vec::new();
    for crate_name in ["model", "decode", "index", "segment", "engine"] {
        sources(&root().join("crates").join(crate_name).join("src"), &mut found);
    }
    assert!(found.len() > 20, "the core's sources were found");
    for path in found.iter().filter(|path| !path.ends_with("tests.rs")) {
        let text = fs::read_to_string(path).expect("a source file is text");
        // Unit tests stand at the end of a file and may read what they like.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in FORBIDDEN_BELOW_IO {
            let used = code.lines().any(|line| line.contains(word) && !line.trim_start().starts_with("//"));
            assert!(!used, "{} uses {word}", path.display());
        }
    }
}

#[test]
fn no_file_is_several_things_in_one() {
    let mut found = Vec::new();
    sources(&root(), &mut found);
    for path in found {
        let lines = fs::read_to_string(&path).expect("a source file is text").lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines", path.display());
    }
}
