//! Bad input: a clear message with file, line and remedy, bounded memory, and the rest goes on.

use crate::run::{Ran, Workplace, gzip, traces, without_traces};
use flate2::{Compression, write::GzEncoder};
use std::{fs::File, io::Write};

const TRACE: &str = "trace --alerts eve.json --inventory inventory.json";

#[test]
fn what_came_before_a_break_is_used() {
    let place = Workplace::with_lab();
    let whole = gzip(&place.bytes("gw-a.conntrack.log"));
    place.write("cut.log.gz", &whole[..whole.len() / 2]);
    let ran =
        place.run("trace --alerts eve.json --sessions cut.log.gz --sessions node-1.conntrack.log").exits(3);
    assert!(ran.out.contains("\"status\":\"traced\""));
    ran.says("`cut.log.gz` breaks off at byte")
        .says("the file breaks off in it")
        .says("hint: what came before it");

    let eve = place.bytes("eve.json");
    let whole = gzip(&eve);
    place.write("eve.gz", &whole[..whole.len() / 2]);
    let ran = place.run(&format!("{} -o out", TRACE.replace("eve.json", "eve.gz"))).exits(3);
    ran.says("`eve.gz` breaks off at byte");
    let bare = without_traces(&place.bytes("out"));
    assert!(eve.starts_with(&bare) && bare.len() > eve.len() / 3, "{} of {}", bare.len(), eve.len());

    place.write("no.gz", b"\x1f\x8b\x08 and no more");
    let ran = place.run(&format!("{TRACE} --sessions no.gz --sessions gw-a.conntrack.log -o out")).exits(3);
    ran.says("`no.gz` breaks off");
}

#[test]
fn lines_that_cannot_be_read_are_counted_and_the_rest_goes_on() {
    let place = Workplace::with_lab();
    let mut log = place.bytes("gw-a.conntrack.log");
    log.extend_from_slice(b"[1795345072.309137]\t[NEW] tcp 6 120 src=10.0.0\n\xff\xfe\x00\x01\x80junk\n[9");
    place.write("gw-a.conntrack.log", log);
    let ran = place.run(TRACE).well();
    assert_eq!(ran.err.matches("gw-a.conntrack.log:193").count(), 3, "{}", ran.err);

    let mut eve = place.bytes("eve.json");
    let line = eve.split(|byte| *byte == b'\n').next().unwrap().to_vec();
    eve.extend_from_slice(&line[..200]);
    eve.extend_from_slice(b"\n\x00\x01\x02\xff\n[1,2]\nnull\n");
    place.write("eve.json", &eve);
    let ran = place.run(&format!("{TRACE} -o out")).well();
    assert_eq!(without_traces(&place.bytes("out")), eve);
    ran.says("2039 lines = 199 alerts + 1836 other lines + 4 that could not be read").says("eve.json:2036");
}

#[test]
fn alerts_that_cannot_be_traced_are_not_lost() {
    let place = Workplace::with_lab();
    let alert = |time: &str, src: &str, port: &str| {
        format!(
            r#"{{"timestamp":"{time}","event_type":"alert","src_ip":"{src}","src_port":{port},"dest_ip":"198.51.100.66","dest_port":80,"proto":"TCP","alert":{{"signature":"x"}}}}"#
        ) + "\n"
    };
    let odd = [
        alert("9999-99-99T99:99:99.000000+0000", "203.0.113.10", "20038"),
        alert("99999-01-01T00:00:00.000000+0000", "203.0.113.10", "20038"),
        alert("0000-01-01T00:00:00.000000+0000", "203.0.113.10", "20038"),
        alert("2026-11-22T10:57:52", "203.0.113.10", "20038"),
        alert("", "203.0.113.10", "20038"),
        alert("2026-11-22T10:57:52.310113+0000", "203.0.113.999", "20038"),
        alert("2026-11-22T10:57:52.310113+0000", "", "20038"),
        "{\"event_type\":\"alert\"}\n".to_owned(),
    ];
    let usable = alert("2026-11-22T10:57:52.310113+0000", "203.0.113.10", "20038");
    let early = alert("1970-01-01T00:00:00.000000+0000", "203.0.113.10", "20038");
    let bytes = odd.concat() + &usable + &early;
    place.write("eve.json", &bytes);
    let ran = place.run(&format!("{TRACE} -o out")).well();
    assert_eq!(without_traces(&place.bytes("out")), bytes.as_bytes());
    let traces = traces(&place.read("out"));
    assert_eq!(traces.len(), 10, "{}", ran.err);
    for trace in &traces[..8] {
        assert_eq!(trace["src"]["reason"], "unreadable", "{trace}");
    }
    assert_eq!(traces[8]["src"]["status"], "traced");
    assert_eq!(traces[9]["src"]["reason"], "before-collection");
    ran.says("alerts that cannot be traced").says("eve.json:1");
}

#[test]
fn absurd_times_in_a_log_are_skipped() {
    let place = Workplace::with_lab();
    let log = place.read("gw-a.conntrack.log");
    let first = log.lines().next().unwrap();
    let (_, rest) = first.split_once(']').unwrap();
    let odd = ["99999999999999999999.0", "-1.5", "1e300", "999999999999.000001", "."];
    let odd: String = odd.iter().map(|time| format!("[{time}]{rest}\n")).collect();
    place.write("gw-a.conntrack.log", log + &odd);
    place.run(TRACE).well().says("gw-a.conntrack.log:1932");
}

/// Runs with as little memory as a large machine would not even notice.
#[cfg(target_os = "linux")]
fn in_little_memory(place: &Workplace, line: &str) -> Ran {
    let script = format!("ulimit -v 160000; exec {} {line}", env!("CARGO_BIN_EXE_unmasq"));
    Ran::of(place.command("sh").args(["-c", &script]).spawn().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn a_line_without_end_needs_no_memory() {
    const LENGTH: u64 = 256 << 20;
    let place = Workplace::with_lab();
    for name in ["gw-a.conntrack.log", "eve.json"] {
        let mut file = File::options().append(true).open(place.path(name)).unwrap();
        file.write_all(b"x").unwrap();
        file.set_len(file.metadata().unwrap().len() + LENGTH).unwrap();
    }
    let ran = in_little_memory(&place, &format!("{TRACE} --only-alerts -o out")).well();
    let ran = ran.says("gw-a.conntrack.log:1932").says("eve.json:2036").says("it is longer than 1 MiB");
    assert_eq!(ran.err.matches("it is longer than 1 MiB").count(), 2, "{}", ran.err);
    assert_eq!(traces(&place.read("out")).len(), 199);
    let ran = in_little_memory(&place, &format!("{TRACE} -o /dev/null")).well();
    ran.says("199 alerts").says("1 that could not be read");
}

#[cfg(target_os = "linux")]
#[test]
fn a_bomb_that_unpacks_to_one_line_needs_no_memory() {
    let place = Workplace::with_lab();
    let mut bomb = GzEncoder::new(place.bytes("gw-a.conntrack.log"), Compression::best());
    bomb.get_mut().clear();
    for _ in 0..200 {
        bomb.write_all(&[b'x'; 1 << 20]).unwrap();
    }
    place.write("bomb.gz", bomb.finish().unwrap());
    let ran = in_little_memory(&place, &format!("{TRACE} --sessions conntrack-text:bomb.gz -o out"));
    ran.exits(3).says("bomb.gz:1");
}

#[test]
fn another_encoding_is_named_with_what_converts_it() {
    let place = Workplace::with_lab();
    let wide: Vec<u8> =
        place.read("node-1.conntrack.log").encode_utf16().flat_map(u16::to_le_bytes).collect();
    place.write("wide.log", &wide);
    place.write("marked.log", [&b"\xff\xfe"[..], &wide].concat());
    let line = format!("{TRACE} --sessions gw-a.conntrack.log -o out --sessions");
    place.run(&format!("{line} wide.log")).exits(3).says("iconv -f UTF-16LE -t UTF-8 wide.log");
    place.run(&format!("{line} marked.log")).exits(3).says("iconv -f UTF-16 -t UTF-8 marked.log");
    assert!(traces(&place.read("out")).iter().any(|trace| trace["status"] == "traced"));
    place.write("eve.wide", &wide);
    place.run("trace --alerts eve.wide --inventory inventory.json").exits(3).says("iconv");
}

#[test]
fn what_is_missing_or_empty_is_named_and_the_rest_goes_on() {
    let place = Workplace::with_lab();
    let ran =
        place.run(&format!("{TRACE} --sessions gw-a.conntrack.lgo --sessions gw-a.conntrack.log")).exits(3);
    assert!(ran.out.contains("\"status\":\"traced\""));
    ran.says("`gw-a.conntrack.lgo` does not exist").says("did you mean `gw-a.conntrack.log`?");
    place.write("empty", "");
    place
        .run(&format!("{TRACE} --sessions empty --sessions gw-a.conntrack.log"))
        .exits(3)
        .says("empty: it is empty");
    place.run(&format!("{TRACE} --alerts empty")).exits(3).says("empty: it is empty");
    place.run(&format!("{TRACE} --alerts nothing.json")).exits(3).says("`nothing.json` does not exist");
    place
        .run("trace --alerts nothing.json --inventory inventory.json")
        .exits(1)
        .says("`nothing.json` does not exist");
    place.run("trace --alerts eve.json --inventory nothing.toml").exits(1).says("nothing.toml");
}

#[test]
fn a_slip_in_the_inventory_is_seen() {
    let place = Workplace::with_whole_lab();
    let inventory = place.read("inventory.json");
    place.write("slip.json", inventory.replacen("\"outside\"", "\"outsde\"", 1));
    place.run("trace --alerts eve.json --inventory slip.json").well().says("did you mean `outside`?");
    place.write("wrong.json", inventory.replacen("1795345055.128", "\"yesterday\"", 1));
    let ran = place.run("trace --alerts eve.json --inventory wrong.json").exits(1);
    ran.says("wrong.json:63:15").says("gateways[0].logs[0].since").says("is not a time such as");
    place.write("cut.json", &inventory[..inventory.len() / 2]);
    place.run("trace --alerts eve.json --inventory cut.json").exits(1).says("cut.json:");
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_the_work() {
    let place = Workplace::with_lab();
    place.write("folder/file", "");
    place.run(&format!("{TRACE} -o folder")).exits(1).says("`folder`").says("it is a folder");
    place.run(&format!("{TRACE} -o nowhere/out")).exits(1).says("there is no folder `nowhere`");
}

#[test]
fn a_reader_who_leaves_is_no_failure() {
    let place = Workplace::with_lab();
    for closed in ["stdout", "stderr"] {
        let mut child = place.start(&TRACE.split(' ').collect::<Vec<_>>());
        match closed {
            "stdout" => drop(child.stdout.take()),
            _ => drop(child.stderr.take()),
        }
        let ran = Ran::of(child).well();
        assert!(!ran.err.contains("panicked") && !ran.err.contains("error"), "{}", ran.err);
    }
}

#[test]
fn colour_is_there_only_where_it_is_wanted() {
    let place = Workplace::with_lab();
    let err = |args: &str, no_color: bool| {
        let mut command = place.command(env!("CARGO_BIN_EXE_unmasq"));
        command.args(format!("{TRACE} -o out {args}").split_whitespace());
        if no_color {
            command.env("NO_COLOR", "1");
        }
        Ran::of(command.spawn().unwrap()).well().err
    };
    assert!(!err("", false).contains('\x1b'));
    assert!(!err("", true).contains('\x1b'));
    assert!(!err("--color never", false).contains('\x1b'));
    assert!(err("--color always", false).contains('\x1b'));
}

#[test]
fn a_zone_less_log_names_the_flag_that_helps() {
    let place = Workplace::with_lab();
    let trace = "trace --alerts eve.json --sessions gw-b.conntrack-kts.log -o traced.json";
    place.run(trace).exits(1).says("gw-b.conntrack-kts.log").says("line 135").says("--tz");
    assert!(!place.path("traced.json").exists());
    place.run(&format!("{trace} --tz UTC")).well();
    place.run(&format!("{trace} --tz Mars/Olympus")).exits(2).says("`Mars/Olympus` is not a time zone");
}
