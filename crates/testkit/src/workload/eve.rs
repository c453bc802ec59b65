//! How alerts are written down: as Suricata's EVE lines, and as a table of the truth.

use super::{Alert, SECOND_US, network::scatter};
use std::io::{self, Write};

/// Signature, category and id of a rule.
const RULES: [(&str, &str, u32); 6] = [
    ("MALWARE Known C2 domain in TLS SNI", "A Network Trojan was detected", 1_000_011),
    ("SCAN Outbound SSH connections at a high rate", "Attempted Information Leak", 1_000_027),
    (
        "POLICY Stratum handshake of a cryptocurrency miner",
        "Potential Corporate Privacy Violation",
        1_000_038,
    ),
    ("DNS Query for a newly registered domain", "Potentially Bad Traffic", 1_000_049),
    ("HUNTING POST with a long base64 body", "Misc activity", 1_000_053),
    ("RESPONSE Output of id shows root", "Potentially Bad Traffic", 1_000_064),
];

/// The first line of a truth.
pub const TRUTH_HEADER: &str = "flow_id,kind,inside_ip,inside_port,candidates";

/// Writes an alert as an EVE line.
///
/// # Errors
/// What `out` says.
pub fn write_alert(out: &mut dyn Write, alert: &Alert) -> io::Result<()> {
    let Alert { flow_id, tuple, .. } = alert;
    let (source, destination) =
        if alert.outside_is_source { (tuple.outside, tuple.remote) } else { (tuple.remote, tuple.outside) };
    let chance = scatter(4, *flow_id);
    let (signature, category, rule) = RULES[usize::try_from(chance % 6).unwrap_or(0)];
    // The log begins at midnight and ends on the same day.
    let second = alert.at / SECOND_US;
    let (hour, minute, second, fraction) =
        (second / 3_600, second / 60 % 60, second % 60, alert.at % SECOND_US);
    let protocol = if tuple.protocol == 6 { "TCP" } else { "UDP" };
    write!(
        out,
        "{{\"timestamp\":\"2026-03-01T{hour:02}:{minute:02}:{second:02}.{fraction:06}+0000\",\
         \"flow_id\":{flow_id},\"in_iface\":\"mirror0\",\"event_type\":\"alert\",\
         \"src_ip\":\"{}\",\"src_port\":{},\"dest_ip\":\"{}\",\"dest_port\":{},\"proto\":\"{protocol}\",",
        source.ip(),
        source.port(),
        destination.ip(),
        destination.port(),
    )?;
    writeln!(
        out,
        "\"alert\":{{\"action\":\"allowed\",\"gid\":1,\"signature_id\":{rule},\"rev\":3,\
         \"signature\":\"{signature}\",\"category\":\"{category}\",\"severity\":{}}},\
         \"flow\":{{\"pkts_toserver\":{},\"pkts_toclient\":{},\"bytes_toserver\":{},\"bytes_toclient\":{}}}}}",
        1 + chance % 3,
        1 + (chance >> 8) % 9,
        1 + (chance >> 16) % 9,
        64 + (chance >> 24) % 4_096,
        64 + (chance >> 36) % 8_192,
    )
}

/// Writes an alert's truth as a row beneath [`TRUTH_HEADER`]. Without a holder his columns are empty.
///
/// # Errors
/// What `out` says.
pub fn write_truth(out: &mut dyn Write, alert: &Alert) -> io::Result<()> {
    write!(out, "{},{},", alert.flow_id, alert.kind.name())?;
    match alert.truth.holder {
        Some(holder) => write!(out, "{},{}", holder.ip(), holder.port())?,
        None => write!(out, ",")?,
    }
    writeln!(out, ",{}", alert.truth.candidates)
}
