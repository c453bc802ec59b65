//! What the other crates are tested with, and nothing that ships.
//!
//! * [`world`]: a small world from a seed, with its truth, its logs and its alerts.
//! * [`oracle`]: the slow truth beside the engine, written without looking at it.
//! * [`laws`]: what must hold in every world; `cargo xtask sim` checks as many as one likes.
//! * [`lab`]: how well the recorded lab was traced.
//! * [`tally`]: how hard the worlds were.
//! * [`workload`]: a large and ordinary log with alerts and their truth, to measure with.
//! * [`generate`]: strategies for tiny sessions and questions.
//! * [`receiver`]: a receiver of webhooks that misbehaves as one likes.
//! * [`corpus`]: the recorded logs of the repository's `corpus/` folder.
//!
//! Invariant: a seed means the same world, byte for byte, on every machine and for ever.

pub mod answers;
pub mod corpus;
pub mod generate;
pub mod lab;
pub mod laws;
pub mod oracle;
pub mod receiver;
pub mod rng;
pub mod tally;
pub mod workload;
pub mod world;
