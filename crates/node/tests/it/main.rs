//! Batch runs over the recorded corpora.

mod hold;
