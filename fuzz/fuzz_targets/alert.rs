//! Alerts in every form that needs no map.
#![no_main]

libfuzzer_sys::fuzz_target!(|log: &[u8]| unmasq_fuzz::decode::alert(log));
