//! Inputs as they lie on real disks: compressed, rotated, in folders, through pipes, in another form
//! than was thought.

use crate::run::{Ran, Workplace, gzip};

/// The lines of a text, split after line `at`.
fn split(text: &str, at: usize) -> (String, String) {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    (lines[..at].concat(), lines[at..].concat())
}

const GW_A: &str = "gw-a.conntrack.log";

/// The answers of the lab through one gateway's log, without the names of files in them.
fn answers(place: &Workplace, sessions: &str) -> String {
    let line = format!("trace --alerts eve.json --only-alerts --quiet --evidence ref --sessions {sessions}");
    nameless(&place.run(&line).well())
}

fn nameless(ran: &Ran) -> String {
    let mut answers = String::new();
    for trace in crate::run::traces(&ran.out) {
        for end in ["src", "dest"].map(|end| &trace[end]) {
            answers +=
                &format!("{} {} {} {}\n", end["status"], end["reason"], end["certainty"], end["inside"]);
        }
    }
    answers
}

#[test]
fn compressed_logs_are_logs() {
    let place = Workplace::with_lab();
    let plain = answers(&place, GW_A);
    assert!(plain.matches("\"traced\"").count() > 90);
    let log = place.read(GW_A);
    let (first, second) = split(&log, 700);
    place.write("gw.log.gz", gzip(log.as_bytes()));
    place.write("members.log", [gzip(first.as_bytes()), gzip(second.as_bytes())].concat());
    place.write("gw.log.zst", zstd::encode_all(log.as_bytes(), 1).unwrap());
    for file in ["gw.log.gz", "members.log", "gw.log.zst"] {
        assert_eq!(answers(&place, file), plain, "{file}");
    }
}

#[test]
fn a_log_may_come_through_a_pipe() {
    let place = Workplace::with_lab();
    let plain = answers(&place, GW_A);
    let line = "trace --alerts eve.json --only-alerts --quiet --evidence ref --sessions";
    for (form, bytes) in [("-", place.bytes(GW_A)), ("conntrack-text:-", gzip(&place.bytes(GW_A)))] {
        let ran = place.run_with_input(&format!("{line} {form}"), &bytes).well();
        assert_eq!(nameless(&ran), plain, "{form}");
        assert!(ran.out.contains("\"source\":\"stdin\""));
    }
    let both = "trace --alerts - --sessions -";
    place.run_with_input(both, &place.bytes(GW_A)).exits(1).says("standard input");
}

#[test]
fn the_pieces_of_a_rotated_log_are_one_log() {
    let place = Workplace::with_lab();
    let plain = answers(&place, GW_A);
    let log = place.read(GW_A);
    // Many an entry is made before the cut and destroyed after it.
    let (first, rest) = split(&log, 600);
    let (second, third) = split(&rest, 600);
    place.write("logs/nat.log.2.gz", gzip(first.as_bytes()));
    place.write("logs/nat.log.1", &second);
    place.write("logs/nat.log", &third);
    place.write("logs/.hidden", "not looked at");
    for form in [
        "logs",
        "logs/nat.log*",
        "logs/nat.log --sessions logs/nat.log.2.gz --sessions logs/nat.log.1",
        "conntrack-text:logs/nat.log.1 --sessions conntrack-text:logs/nat.log --sessions conntrack-text:logs/nat.log.2.gz",
    ] {
        assert_eq!(answers(&place, form), plain, "{form}");
    }
    place.write("logs/nat.log.3", "");
    place.write("logs/README", "what lies here\n");
    assert_eq!(answers(&place, "logs"), plain);
    let ran = place.run("trace --alerts eve.json --sessions logs -o out.json").well();
    let ran = ran.says("logs/README: not a session log");
    let row = ran.err.lines().find(|line| line.contains("nat.log ")).unwrap();
    assert!(row.contains("1931"), "{row}");
}

#[test]
fn a_log_that_is_given_twice_is_one_log() {
    let place = Workplace::with_lab();
    let plain = answers(&place, GW_A);
    place.write("logs/nat.log.1", "");
    place.write("logs/nat.log", place.bytes(GW_A));
    let stated = format!("conntrack-text:{GW_A}");
    for (one, other) in [
        (GW_A, stated.as_str()),
        (GW_A, "./gw-a.conntrack.log"),
        ("./gw-a.conntrack.log", stated.as_str()),
        ("logs", "conntrack-text:logs/nat.log"),
        ("logs", "conntrack-text:./logs/nat.log.1"),
    ] {
        for (first, second) in [(one, other), (other, one)] {
            let form = format!("{first} --sessions {second}");
            assert_eq!(answers(&place, &form), plain, "{form}");
            let ran = place.run(&format!("trace --alerts eve.json --sessions {form} -o out.json")).well();
            let rows = ran.err.lines().filter(|line| line.contains("1931"));
            assert_eq!(rows.count(), 1, "{form}: {}", ran.err);
        }
    }
}

#[test]
fn a_file_cannot_be_in_two_formats() {
    let place = Workplace::with_lab();
    for sessions in [
        "conntrack-text:gw-a.conntrack.log --sessions alibaba-nat:./gw-a.conntrack.log",
        "alibaba-nat:./gw-a.conntrack.log --sessions conntrack-text:gw-a.conntrack.log",
    ] {
        let ran = place.run(&format!("trace --alerts eve.json --sessions {sessions} -o out"));
        ran.exits(1).says("`gw-a.conntrack.log` was given both as alibaba-nat and as conntrack-text");
    }
    let alerts = "--alerts suricata-eve:eve.json --alerts alibaba-ndr:./eve.json";
    let ran = place.run(&format!("trace {alerts} --inventory inventory.json -o out"));
    ran.exits(1).says("`eve.json` was given both as alibaba-ndr and as suricata-eve");
    assert!(!place.path("out").exists());
}

#[test]
fn alerts_that_are_given_twice_are_traced_once() {
    let place = Workplace::with_alibaba();
    place.write("alerts/ndr.jsonl", place.read("ndr-alerts.jsonl"));
    let run =
        |alerts: &str| place.run(&format!("trace --alerts {alerts} --inventory inventory.toml")).well().out;
    let plain = run("alibaba-ndr:alerts/ndr.jsonl");
    for other in ["alerts", "alerts/ndr.jsonl", "./alerts/ndr.jsonl", "alibaba-ndr:./alerts/ndr.jsonl"] {
        assert_eq!(run(&format!("{other} --alerts alibaba-ndr:alerts/ndr.jsonl")), plain, "{other}");
        assert_eq!(run(&format!("alibaba-ndr:alerts/ndr.jsonl --alerts {other}")), plain, "{other}");
    }
}

#[test]
fn an_empty_piece_does_not_hide_the_others() {
    let place = Workplace::with_lab();
    let plain = answers(&place, GW_A);
    place.write("logs/nat.log.1", "");
    place.write("logs/nat.log", place.bytes(GW_A));
    assert_eq!(answers(&place, "logs"), plain);
}

#[test]
fn alerts_may_be_compressed_and_in_folders() {
    let place = Workplace::with_alibaba();
    let text = place.read("ndr-alerts.jsonl");
    let plain = place.run("trace --alerts ndr-alerts.jsonl --inventory inventory.toml").well().out;
    let (first, second) = split(&text, 4);
    place.write("alerts/1.jsonl.gz", gzip(first.as_bytes()));
    place.write("alerts/2.jsonl.zst", zstd::encode_all(second.as_bytes(), 1).unwrap());
    place.write("alerts/notes.txt", "nothing of interest\n");
    for form in ["alerts", "alerts/*.zst --alerts alerts/*.gz"] {
        let ran = place.run(&format!("trace --alerts {form} --inventory inventory.toml")).well();
        assert_eq!(ran.out, plain, "{form}");
    }
}

#[test]
fn a_form_that_cannot_be_told_is_asked_for() {
    let place = Workplace::with_lab();
    let trace = |sessions: &str| place.run(&format!("trace --alerts eve.json --sessions {sessions} -o out"));
    trace("eve.json").exits(1).says("looks like alerts (suricata-eve)").says("--alerts");
    trace("process.jsonl").exits(1).says("--processes");
    place.write("prose.txt", "Dear colleagues,\nthe log is in the other file.\n");
    trace("prose.txt")
        .exits(1)
        .says("say which it is: FORMAT:prose.txt")
        .says("alibaba-nat, alibaba-nat-csv");
    let site = Workplace::with_alibaba();
    let (lab, _) = split(&place.read(GW_A), 12);
    place.write("mixed.log", lab + &site.read("nat-session.jsonl"));
    trace("mixed.log").exits(1).says("it may be conntrack-text (52 %) or alibaba-nat (47 %)");
    trace("conntrak-text:gw-a.conntrack.log")
        .exits(2)
        .says("`conntrak-text` is not a format that can be read");
    place
        .run("trace --alerts eve:eve.json --inventory inventory.json")
        .exits(1)
        .says("`eve` is not a form of alerts");
    place.run("trace --alerts gw-a.conntrack.log --inventory inventory.json").exits(1).says("--field-map");
    assert!(!place.path("out").exists());
}

#[test]
fn a_format_that_does_not_fit_is_a_loss_and_says_so() {
    let place = Workplace::with_alibaba();
    place.write(GW_A, Workplace::with_lab().bytes(GW_A));
    let line = "trace --alerts ndr-alerts.jsonl --sessions alibaba-nat:gw-a.conntrack.log -o out";
    let ran = place.run(line).exits(3).says("none of its lines could be read as alibaba-nat");
    ran.says("1931 lines skipped").says("first gw-a.conntrack.log:1");
    assert_eq!(crate::run::without_traces(&place.bytes("out")), place.bytes("ndr-alerts.jsonl"));
}

#[test]
fn other_alerts_are_read_by_a_map_of_their_fields() {
    let place = Workplace::with_lab();
    let alert = r#"{"when":"2026-11-22T10:57:52.310113Z","from":{"ip":"203.0.113.10","port":20038},"to":{"ip":"198.51.100.66","port":80},"l4":"tcp"}"#;
    place.write("alerts.jsonl", format!("{alert}\n"));
    place.write(
        "map.toml",
        "time = 'when'\ntime_unit = 'rfc3339'\nsrc_ip = 'from.ip'\nsrc_port = 'from.port'\ndest_ip = 'to.ip'\ndest_port = 'to.port'\nprotocol = 'l4'\n",
    );
    let line = "trace --alerts alerts.jsonl --field-map map.toml --inventory inventory.json";
    let traces = crate::run::traces(&place.run(line).well().out);
    assert_eq!(traces[0]["src"]["asset"]["name"], "app-1");
    place.write("slip.toml", "tiem = 'when'\n");
    place.run(&line.replace("map.toml", "slip.toml")).exits(1).says("slip.toml");
}

#[test]
fn a_format_string_that_fits_nothing_or_does_not_end_is_told_what_to_do() {
    let place = Workplace::with_lab();
    let line =
        "trace --alerts eve.json --sessions nginx[$remote_addr[$msec]]:gw-a.conntrack.log --only-alerts";
    place.run(line).exits(3).says("compare the format string with a line");
    let line = "trace --alerts eve.json --sessions nginx[$remote_addr:gw-a.conntrack.log";
    place.run(line).exits(2).says("the format string does not end");
}
