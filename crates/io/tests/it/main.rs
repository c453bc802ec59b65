//! Reading real files, as one test binary.

mod source;
