//! Files against what was written into them.

mod fuzz_corpus;
mod hostile;
mod laws;
mod rows;
mod strangers;
mod workload;
