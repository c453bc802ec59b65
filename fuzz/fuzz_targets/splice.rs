//! A trace put into an alert, and taken out again.
#![no_main]

libfuzzer_sys::fuzz_target!(|line: &[u8]| unmasq_fuzz::decode::splicing(line));
