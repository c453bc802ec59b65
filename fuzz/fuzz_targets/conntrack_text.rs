//! `conntrack -E` event text, to records, to sessions.
#![no_main]

libfuzzer_sys::fuzz_target!(|log: &[u8]| unmasq_fuzz::decode::conntrack_text(log));
