//! Alibaba NAT session logs as JSON lines, to records, to sessions.
#![no_main]

libfuzzer_sys::fuzz_target!(|log: &[u8]| unmasq_fuzz::decode::alibaba_nat(log));
