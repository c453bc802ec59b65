//! Runs over the recorded corpora: in a batch, and live.

mod hold;
mod replay;
mod stepped;
