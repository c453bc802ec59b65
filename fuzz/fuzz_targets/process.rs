//! Process records.
#![no_main]

libfuzzer_sys::fuzz_target!(|log: &[u8]| unmasq_fuzz::decode::process(log));
