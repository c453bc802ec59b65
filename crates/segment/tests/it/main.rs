//! Files against what was written into them.

mod hostile;
mod laws;
mod rows;
mod strangers;
mod workload;
