//! Replays the committed corpus of the fuzz target.

use std::{fs, path::Path};

/// The very function that the fuzz target calls; `fuzz/` itself needs a nightly compiler.
#[path = "../../../../fuzz/src/segment.rs"]
#[expect(unreachable_pub, reason = "it is the public interface of the fuzz crate's library")]
mod target;

#[test]
fn the_target_survives_its_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/segment");
    let mut seeds: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    assert!(seeds.len() > 2, "the corpus is there");
    for seed in seeds {
        let bytes = fs::read(&seed).unwrap();
        target::file(&bytes);
        for byte in (0..bytes.len()).step_by(37) {
            let mut other = bytes.clone();
            other[byte] = other[byte].wrapping_add(1);
            target::file(&other);
        }
    }
}
