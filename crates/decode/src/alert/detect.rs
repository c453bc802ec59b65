//! Which form of alert a file is in, by the marks of each.

use super::{AlertFormat, AlertReader, Reading, guardduty, ocsf, snort, zeek};
use crate::{
    Carrier, Guess, Hints,
    json::{Object, text_of},
    sample::share_of_lines,
};
use std::cmp::Reverse;

/// Which forms of alert the first lines of a file fit, best first; empty if none. A field map is
/// never guessed.
#[must_use]
pub fn detect(sample: &[u8]) -> Vec<Guess<AlertFormat>> {
    let mut guesses: Vec<_> = AlertFormat::PRESETS
        .into_iter()
        .map(|format| Guess { percent: percent(&format, sample), format })
        .filter(|guess| guess.percent > 0)
        .collect();
    guesses.sort_by_key(|guess| Reverse(guess.percent));
    guesses
}

fn percent(format: &AlertFormat, sample: &[u8]) -> u8 {
    if *format == AlertFormat::ZeekTsv {
        let mut reader = format.reader(Hints::default());
        return share_of_lines(sample, |line| fits_table(&mut reader, line));
    }
    share_of_lines(sample, |line| {
        let text = text_of(line);
        Object::parse(&text).is_some_and(|object| fits(format, &object))
    })
}

/// Whether a line is of a table of Zeek's. Comments before its header could be of anything.
fn fits_table(reader: &mut AlertReader, line: &[u8]) -> bool {
    let line = Carrier::Envelope.any_alert_of(line);
    let reading = reader.read(&line);
    reader.knows_its_header() && !matches!(reading, Reading::Unreadable(_))
}

fn fits(format: &AlertFormat, object: &Object<'_>) -> bool {
    let has = |marks: &[&str]| marks.iter().all(|mark| object.raw(mark).is_some());
    match format {
        AlertFormat::AlibabaNdr => has(&["ndr_log_type", "start_time", "src_ip", "dst_ip"]),
        AlertFormat::AwsGuardDuty => guardduty::fits(object),
        AlertFormat::OcsfFinding => ocsf::fits(object),
        AlertFormat::Snort3Json => snort::fits(object),
        AlertFormat::SuricataEve => has(&["event_type", "timestamp"]),
        AlertFormat::ZeekJson => zeek::fits_json(object),
        AlertFormat::ZeekTsv | AlertFormat::Flat(_) => false,
    }
}
