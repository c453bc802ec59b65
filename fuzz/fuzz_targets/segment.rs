//! A file of plain sessions, read in every way.
#![no_main]

libfuzzer_sys::fuzz_target!(|file: &[u8]| unmasq_fuzz::segment::file(file));
