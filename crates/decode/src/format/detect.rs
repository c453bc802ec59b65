//! Which format a file is in, by trying them all.

use super::{Format, Guess};
use crate::{Cut, Framing, Hints, Said, messages};
use jiff::tz::TimeZone;
use std::cmp::Reverse;
use unmasq_model::LogTime;

/// More of a file tells nothing new.
const SAMPLE: usize = 64 * 1024;

/// Which formats the beginning of a file fits, best first; empty if none.
///
/// `sample` is that beginning; only its first 64 KiB are looked at. A line is counted if it is whole
/// and not blank; the last one, which may be cut, counts only if it can be read. Of a binary format
/// the bytes of whole messages are counted.
#[must_use]
pub fn detect(sample: &[u8]) -> Vec<Guess<Format>> {
    let sample = &sample[..sample.len().min(SAMPLE)];
    let guesses = Format::ALL.iter().map(|&format| Guess { format, percent: percent(format, sample) });
    let mut guesses: Vec<_> = guesses.filter(|guess| guess.percent > 0).collect();
    // An exporter may send flows beside its events; the events tell all that they do, and better.
    let sure = |guess: &Guess<Format>| guess.format == Format::IpfixNat && guess.percent > WITHOUT_RECORDS;
    if guesses.iter().any(sure) {
        guesses.retain(|guess| guess.format != Format::IpfixFlow);
    }
    guesses.sort_by_key(|guess| (Reverse(guess.percent), guess.format));
    guesses
}

/// How much of a sample fits `format`, in percent, cut off.
fn percent(format: Format, sample: &[u8]) -> u8 {
    match format.traits().framing {
        Framing::Lines => percent_of_lines(format, sample),
        Framing::FlowMessages => percent_of_messages(format, sample),
    }
}

/// Messages of which the beginning of a file tells nothing: its templates may come later, or it may be
/// for something else. So much is said of such a file at most.
const WITHOUT_RECORDS: u8 = 30;

/// How many of the bytes are messages in which `format` finds something.
fn percent_of_messages(format: Format, sample: &[u8]) -> u8 {
    let Ok(mut decoder) = format.decoder(&Hints::default()) else { return 0 };
    let mut said = Said::default();
    let (mut read, mut all) = (0, 0);
    for (at, cut, bytes) in messages(sample) {
        if let Cut::Message(length) = cut {
            decoder.read_at(at as u64, bytes, &mut said);
            read += length;
        }
        // The last message may have been cut with the sample.
        all += if matches!(cut, Cut::Torn(_)) { 0 } else { bytes.len() };
    }
    let percent = (read * 100).checked_div(all).and_then(|percent| u8::try_from(percent).ok()).unwrap_or(0);
    if said.records.is_empty() { percent.min(WITHOUT_RECORDS) } else { percent }
}

/// How many of the lines `format` can read.
fn percent_of_lines(format: Format, sample: &[u8]) -> u8 {
    // Any zone and any year will do: what a time says is not the question.
    // The end of a leap year has every day behind it.
    let written = LogTime::from_unix_seconds(1_735_689_599);
    let hints = Hints { zone: Some(TimeZone::UTC), taken: written, written, ..Hints::default() };
    let Ok(mut decoder) = format.decoder(&hints) else { return 0 };
    let mut records = Vec::new();
    let (mut read, mut all) = (0_usize, 0_usize);
    for line in sample.split_inclusive(|&byte| byte == b'\n') {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let whole = line.strip_suffix(b"\n");
        let frame = whole.unwrap_or(line);
        let readable = decoder.decode(frame.strip_suffix(b"\r").unwrap_or(frame), &mut records).is_ok();
        records.clear();
        read += usize::from(readable);
        all += usize::from(readable || whole.is_some());
    }
    (read * 100).checked_div(all).and_then(|percent| u8::try_from(percent).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "[1795345072.309137]\t[NEW] udp 17 30 src=10.0.0.14 dst=198.51.100.53 sport=5353 dport=53 [UNREPLIED] src=198.51.100.53 dst=203.0.113.10 sport=53 dport=5353\n";

    fn percent_of(sample: &str) -> Option<u8> {
        detect(sample.as_bytes())
            .iter()
            .find(|guess| guess.format == Format::ConntrackText)
            .map(|guess| guess.percent)
    }

    #[test]
    fn a_log_is_known_by_its_lines() {
        assert_eq!(percent_of(LINE), Some(100));
        assert_eq!(percent_of(&format!("{LINE}junk\r\n\r\n{LINE}{LINE}")), Some(75));
        assert_eq!(percent_of("junk\njunk\n"), None);
        assert_eq!(percent_of(""), None);
    }

    #[test]
    fn a_cut_last_line_counts_only_in_favour() {
        assert_eq!(percent_of(&format!("{LINE}{}", &LINE[..80])), Some(100));
        assert_eq!(percent_of(LINE.trim_end()), Some(100));
    }

    #[test]
    fn local_times_do_not_hide_a_format() {
        let kernel = LINE.replace("dport=5353\n", "dport=5353 [start=Sun Nov 22 10:58:07 2026]\n");
        assert_eq!(percent_of(&kernel), Some(100));
    }
}
