//! The same as CSV.
#![no_main]

libfuzzer_sys::fuzz_target!(|log: &[u8]| unmasq_fuzz::decode::alibaba_nat_csv(log));
