//! Replays the committed corpus of every fuzz target: what once broke, or nearly did, stays unbroken.

use crate::corpus::{entries, repository};
use std::fs;

/// The very functions that the fuzz targets call; `fuzz/` itself needs a nightly compiler.
#[path = "../../../../fuzz/src/decode.rs"]
#[expect(unreachable_pub, reason = "it is the public interface of the fuzz crate's library")]
pub(crate) mod targets;

#[test]
fn every_target_survives_its_corpus() {
    for (name, target) in targets::ALL {
        let seeds = entries(&repository().join("fuzz/corpus").join(name));
        assert!(!seeds.is_empty(), "fuzz/corpus/{name}/ is empty");
        for seed in seeds {
            target(&fs::read(seed).unwrap());
        }
    }
}
