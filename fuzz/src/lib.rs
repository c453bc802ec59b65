//! What the fuzz targets do with their bytes: plain functions, one file per crate under test, so that
//! an ordinary `cargo test` of that crate can replay the committed corpus with a stable compiler.

pub mod decode;
pub mod segment;
