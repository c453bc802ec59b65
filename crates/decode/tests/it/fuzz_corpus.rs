//! Replays the committed corpus of every fuzz target: what once broke, or nearly did, stays unbroken.

use crate::corpus::{entries, repository};
use std::fs;
use unmasq_decode::Format;

/// The very functions that the fuzz targets call; `fuzz/` itself needs a nightly compiler.
#[path = "../../../../fuzz/src/decode.rs"]
#[expect(unreachable_pub, reason = "it is the public interface of the fuzz crate's library")]
pub(crate) mod targets;

#[test]
fn every_target_survives_its_corpus() {
    for (name, target) in targets::OTHERS {
        replay(name, target);
    }
    for &format in Format::ALL {
        replay(&target_name(format), |log| targets::session_log(format, log));
    }
}

#[test]
fn every_format_has_a_target() {
    let fuzz = repository().join("fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for &format in Format::ALL {
        let name = target_name(format);
        let source = fs::read_to_string(fuzz.join(format!("fuzz_targets/{name}.rs"))).unwrap_or_default();
        assert!(source.contains(&format!("Format::{format:?}")), "fuzz_targets/{name}.rs");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is no [[bin]]");
    }
}

fn target_name(format: Format) -> String {
    format.name().replace('-', "_")
}

fn replay(name: &str, target: impl Fn(&[u8])) {
    let seeds = entries(&repository().join("fuzz/corpus").join(name));
    assert!(!seeds.is_empty(), "fuzz/corpus/{name}/ is empty");
    for seed in seeds {
        target(&fs::read(seed).unwrap());
    }
}
