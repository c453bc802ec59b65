#![no_main]
use unmasq_decode::Format;

libfuzzer_sys::fuzz_target!(|log: &[u8]| unmasq_fuzz::decode::session_log(Format::ConntrackDump, log));
