//! Reading real files, as one test binary.

mod inventory;
mod source;
