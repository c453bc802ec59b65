//! What the service answers over HTTP, asked over real sockets.

use crate::{
    listen::certificate,
    run::{Workplace, corpus},
    served::Served,
};
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs::{self, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    thread,
    time::Duration,
};

#[test]
fn it_lives_gets_ready_counts_and_ends() {
    let served = Served::lab();
    assert_eq!(served.get("/healthz").status, 200);
    let served = served.ready();
    let count = |name: &str| served.count(&format!("unmasq_{name}"));
    let lines = ["alerts_stored", "alerts_repeated", "lines_not_alerts", "alert_lines_unreadable"];
    let sum: u64 = lines.iter().map(|name| count(&format!("{name}_total"))).sum();
    assert_eq!(count("alert_lines_total"), sum);
    assert!(count("alerts_stored_total") > 0 && count("first_answers_total") > 0);
    assert_eq!(count("ready"), 1);
    assert!(count("first_answer_seconds_bucket{le=\"+Inf\"}") > 0);
    assert!(count("record_seconds_count") > 0);
    let metrics = served.get("/metrics");
    assert!(metrics.head.contains("content-type: text/plain; version=0.0.4"), "{}", metrics.head);
    assert!(metrics.body.contains("unmasq_build_info{version=\""));
    for line in metrics.body.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split([' ', '{']).next().unwrap();
        // A histogram is one thing with several names.
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part));
        let is_histogram = |name: &&str| metrics.body.contains(&format!("# TYPE {name} histogram"));
        let name = part.filter(is_histogram).unwrap_or(name);
        assert!(metrics.body.contains(&format!("# HELP {name} ")), "{name} says what it is");
        assert!(metrics.body.contains(&format!("# TYPE {name} ")), "{name} says how it is read");
    }
    served.get("/nothing").problem(404);
    served.send("POST /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").problem(405);
    served.stop();
}

#[test]
fn who_asks_before_anything_is_kept_is_told_to_come_again() {
    let paths = [
        "/v1/alerts",
        "/v1/traces",
        "/v1/alerts/x",
        "/v1/logs",
        "/v1/lookup?address=1.2.3.4&at=2026-11-22T10:57Z",
    ];
    let served = Served::lab();
    while served.get("/readyz").status != 200 {
        for path in paths {
            let answer = served.get(path);
            assert!([200, 404, 503].contains(&answer.status), "{path}: {answer:?}\n{}", served.log());
        }
    }
}

#[test]
fn an_address_in_use_is_named_with_the_key_to_change() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let place = Workplace::with_lab();
    place.write(
        "unmasq.toml",
        format!("data = \"data\"\ninventory = \"inventory.json\"\n[http]\nlisten = \"{address}\"\n"),
    );
    place.run("serve --config unmasq.toml").exits(1).says(&address).says("`listen` under [http]");
}

/// Everything in a list, a page at a time.
fn all(served: &Served, path: &str, of: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = served.json(&format!("{path}?limit={limit}{after}"));
        let items = page[of].as_array().unwrap();
        assert!(items.len() <= limit);
        found.extend(items.iter().cloned());
        after = format!("&after={}", page["next"].as_str().unwrap());
        if page["more"] == false {
            let end = served.json(&format!("{path}?limit={limit}{after}"));
            assert_eq!((end[of].as_array().unwrap().len(), &end["next"]), (0, &page["next"]));
            return found;
        }
    }
}

#[test]
fn paging_gives_each_once_as_it_came() {
    let served = Served::lab().ready();
    let alerts = all(&served, "/v1/alerts", "alerts", 7);
    assert_eq!(alerts.len() as u64, served.count("unmasq_alerts_stored_total"));
    let ids: BTreeSet<&str> = alerts.iter().map(|alert| alert["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), alerts.len(), "each once");
    assert_eq!(alerts, all(&served, "/v1/alerts", "alerts", 1000));

    let said = all(&served, "/v1/traces", "traces", 3);
    let sequences: Vec<u64> = said.iter().map(|said| said["sequence"].as_u64().unwrap()).collect();
    assert!(sequences.is_sorted_by(|a, b| a < b), "in order, each once");
    let total = served.count("unmasq_first_answers_total") + served.count("unmasq_revisions_total");
    assert_eq!(said.len() as u64, total);

    let lines = served.place.read("eve.json");
    for alert in &alerts {
        let id = alert["id"].as_str().unwrap();
        let whole = served.json(&format!("/v1/alerts/{id}"));
        assert_eq!(whole["raw_encoding"], "utf-8");
        assert!(lines.contains(whole["raw"].as_str().unwrap().trim_end()), "as it came");
        let revisions = served.json(&format!("/v1/alerts/{id}/traces"));
        let own: Vec<&Value> = said.iter().filter(|said| said["alert_id"] == id).collect();
        assert_eq!(revisions["traces"].as_array().unwrap().iter().collect::<Vec<_>>(), own);
        let last = own.last().map_or(&Value::Null, |said| &said["trace"]);
        assert_eq!((&whole["trace"], &alert["trace"]["status"]), (last, &last["status"]));
    }
    assert!(said.iter().any(|said| said["trace"]["status"] == "traced"));
}

#[test]
fn sessions_are_listed_with_the_lines_that_prove_them() {
    let served = Served::lab().ready();
    let path = "/v1/sessions?address=203.0.113.10&port=20038&at=2026-11-22T10:57:52Z";
    let found = served.json(path);
    let sessions = found["sessions"].as_array().unwrap();
    assert!(!sessions.is_empty(), "{found}");
    for session in sessions {
        assert_eq!((&session["gateway"], &session["outside"]["port"]), (&"gw-a".into(), &20038.into()));
        let line = &session["evidence"][0];
        let text = served.place.read(line["source"].as_str().unwrap());
        let number = usize::try_from(line["line"].as_u64().unwrap()).unwrap();
        assert_eq!(line["record"].as_str(), text.lines().nth(number - 1), "{session}");
    }
    let wide = "/v1/sessions?address=203.0.113.10&from=2026-11-22T10:50:00Z&to=2026-11-22T11:10:00Z";
    let (few, all) = (served.json(&format!("{wide}&limit=3")), served.json(&format!("{wide}&limit=1000")));
    let count = |found: &Value| found["sessions"].as_array().unwrap().len() as u64;
    assert_eq!(count(&few), 3);
    assert_eq!(3 + few["unlisted"].as_u64().unwrap(), count(&all) + all["unlisted"].as_u64().unwrap());
    assert_eq!(few["sessions"][2], all["sessions"][2]);
    let none = served.json("/v1/sessions?address=203.0.113.77&at=2026-11-22T10:57Z");
    assert_eq!(none, serde_json::json!({"sessions": [], "unlisted": 0}));
}

#[test]
fn bytes_that_are_no_text_come_as_base64() {
    let place = Workplace::with_lab();
    let mut eve = place.bytes("eve.json");
    let is_alert = |line: &&[u8]| String::from_utf8_lossy(line).contains("\"event_type\":\"alert\"");
    let line = eve.split(|byte| *byte == b'\n').find(is_alert).unwrap().to_vec();
    let brace = line.iter().rposition(|byte| *byte == b'}').unwrap();
    eve.clear();
    eve.extend([&line[..brace], b",\"x\":\"\xff\"}\n"].concat());
    place.write("eve.json", &eve);
    let served = Served::start(place, "").ready();
    let alerts = all(&served, "/v1/alerts", "alerts", 10);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    let whole = served.json(&format!("/v1/alerts/{}", alerts[0]["id"].as_str().unwrap()));
    assert_eq!(whole["raw_encoding"], "base64");
}

#[test]
fn a_look_up_is_that_of_the_command_line() {
    let served = Served::lab().ready();
    let question =
        "/v1/lookup?address=203.0.113.10&from=2026-11-22T10:57:00Z&to=2026-11-22T10:59:00Z&proto=tcp";
    let wide = served.json(question);
    let narrow = served
        .json("/v1/lookup?address=203.0.113.10&port=20038&at=2026-11-22T10:57:52Z&remote=198.51.100.66:80");
    let logs = served.json("/v1/logs");
    let place = served.stop();
    let line = "lookup 203.0.113.10 --from 2026-11-22T10:57:00Z --to 2026-11-22T10:59:00Z --proto tcp";
    let said = place.run(&format!("{line} --store data/sessions --json")).well().out;
    assert_eq!(wide, serde_json::from_str::<Value>(&said).unwrap());
    assert!(wide["holders"].as_array().unwrap().len() > 1, "{wide}");
    let line = "lookup 203.0.113.10:20038 --at 2026-11-22T10:57:52Z --remote 198.51.100.66:80";
    let said = place.run(&format!("{line} --store data/sessions --json")).well().out;
    assert_eq!(narrow, serde_json::from_str::<Value>(&said).unwrap());

    let stats = place.run("store stats data/sessions --json").well().out;
    let stats: Value = serde_json::from_str(&stats).unwrap();
    let of = |log: &Value| ["name", "gateway", "format", "files", "records"].map(|name| log[name].clone());
    let (logs, known) = (logs["logs"].as_array().unwrap(), stats["logs"].as_array().unwrap());
    assert_eq!(logs.iter().map(of).collect::<Vec<_>>(), known.iter().map(of).collect::<Vec<_>>());
    assert!(logs.iter().any(|log| log["covered"]["from"].is_string()), "{logs:?}");
}

/// The events of a stream, as far as they are there: each with its id.
fn events(stream: &mut impl BufRead, count: usize) -> Vec<(u64, Value)> {
    let (mut found, mut id) = (Vec::new(), 0);
    for line in stream.lines().map_while(Result::ok) {
        if let Some(text) = line.strip_prefix("id: ") {
            id = text.parse().unwrap();
        } else if let Some(data) = line.strip_prefix("data: ") {
            found.push((id, serde_json::from_str(data).unwrap()));
            if found.len() == count {
                break;
            }
        }
    }
    found
}

#[test]
fn a_stream_goes_on_where_it_was_heard() {
    let served = Served::lab().ready();
    let said = all(&served, "/v1/traces", "traces", 1000);
    let listen = |headers: &str| {
        let mut stream = served.connect();
        let host = &served.address;
        write!(stream, "GET /v1/traces/stream HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n").unwrap();
        BufReader::new(stream)
    };
    let mut heard = events(&mut listen("last-event-id: 0\r\n"), 5);
    let last = heard.last().unwrap().0;
    // The connection broke; the next one goes on.
    heard.extend(events(&mut listen(&format!("last-event-id: {last}\r\n")), said.len() - 5));
    assert_eq!(heard.iter().map(|(_, said)| said).collect::<Vec<_>>(), said.iter().collect::<Vec<_>>());
    assert!(heard.iter().all(|(id, said)| said["sequence"] == *id));

    let crowd: Vec<_> = (0..64)
        .map(|_| {
            let mut listener = listen("last-event-id: 0\r\n");
            assert_eq!(events(&mut listener, 1).len(), 1);
            listener
        })
        .collect();
    served.get("/v1/traces/stream").problem(503);
    drop(crowd);

    // What is said from now on.
    let mut now = listen("");
    let mut status = String::new();
    now.read_line(&mut status).unwrap();
    while !status.contains("200") {
        // Those that have gone are noticed one after the other.
        thread::sleep(Duration::from_millis(10));
        (now, status) = (listen(""), String::new());
        now.read_line(&mut status).unwrap();
    }
    let mut eve = OpenOptions::new().append(true).open(served.place.path("eve.json")).unwrap();
    let text = served.place.read("eve.json");
    let id = "flow_id\":";
    let line =
        text.lines().find(|line| line.contains("\"event_type\":\"alert\"") && line.contains(id)).unwrap();
    writeln!(eve, "{}", line.replacen(id, "flow_id\":9", 1)).unwrap();
    let new = events(&mut now, 1);
    assert!(new[0].0 > heard.last().unwrap().0, "{new:?}");
    // Who still listens holds nobody up.
    served.stop();
    let mut rest = String::new();
    now.read_to_string(&mut rest).unwrap();
}

#[test]
fn what_cannot_be_answered_says_what_to_try() {
    let served = Served::lab().ready();
    served.get("/v1/alerts/nobody").problem(404);
    served.get("/v1/alerts/nobody/traces").problem(404);
    served.get("/v1/nothing").problem(404);
    let at = "at=2026-11-22T10:57:52Z";
    for (path, parameter) in [
        ("/v1/alerts?limit=0".to_owned(), "limit"),
        ("/v1/alerts?after=x".to_owned(), "after"),
        ("/v1/alerts?aftr=1".to_owned(), "aftr"),
        ("/v1/traces?limit=1001".to_owned(), "limit"),
        ("/v1/traces?after=9223372036854775808".to_owned(), "after"),
        ("/v1/alerts/%FF".to_owned(), "id"),
        ("/v1/logs?limit=1".to_owned(), "limit"),
        (format!("/v1/lookup?{at}"), "address"),
        (format!("/v1/lookup?address=nobody&{at}"), "address"),
        (format!("/v1/lookup?address=203.0.113.10&port=99999&{at}"), "port"),
        (format!("/v1/lookup?address=203.0.113.10&remote=x&{at}"), "remote"),
        (format!("/v1/lookup?address=203.0.113.10&proto=x&{at}"), "proto"),
        ("/v1/lookup?address=203.0.113.10".to_owned(), "at"),
        ("/v1/lookup?address=203.0.113.10&at=10:58".to_owned(), "at"),
        ("/v1/lookup?address=203.0.113.10&from=2026-11-22T10:57:52Z".to_owned(), "to"),
        (format!("/v1/lookup?address=203.0.113.10&{at}&{at}"), "at"),
    ] {
        let problem = served.get(&path).problem(400);
        assert_eq!(problem["parameter"], parameter, "{path}: {problem}");
    }
    served.get_with("/v1/traces/stream", "last-event-id: x\r\n").problem(400);
    // Also if the place is beyond everything: it is the end.
    assert_eq!(served.json("/v1/alerts?after=9223372036854775807")["more"], false);
}

#[test]
fn the_document_says_what_is_answered() {
    let served = Served::lab().ready();
    let committed = fs::read(corpus("").join("../docs/openapi.json")).unwrap();
    let document = served.json("/v1/openapi.json");
    assert_eq!(document, serde_json::from_slice::<Value>(&committed).unwrap());
    let id = served.json("/v1/alerts?limit=1")["alerts"][0]["id"].as_str().unwrap().to_owned();
    for (path, operation) in document["paths"].as_object().unwrap() {
        // What changes something is tested by itself, too.
        let Some(operation) = operation.get("get") else { continue };
        // A stream has no end to be waited for; that it answers is tested by itself.
        if path.ends_with("/stream") {
            continue;
        }
        let query: Vec<String> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|parameter| {
                parameter["in"] == "query" && !["from", "to"].map(Value::from).contains(&parameter["name"])
            })
            .map(|parameter| {
                format!("{}={}", parameter["name"].as_str().unwrap(), parameter["example"]).replace('"', "")
            })
            .collect();
        for (id, query) in [(&*id, query.join("&")), ("nobody", query.join("&")), (&*id, "nothing=1".into())]
        {
            let answer = served.get(&format!("{}?{query}", path.replace("{id}", id)));
            let documented = &operation["responses"][answer.status.to_string()]["content"];
            let (media, schema) =
                documented.as_object().unwrap_or_else(|| panic!("{path}: {answer:?}")).iter().next().unwrap();
            assert!(answer.head.contains(&format!("content-type: {media}")), "{path}: {answer:?}");
            let body = if media.contains("json") { answer.json() } else { answer.body.into() };
            let schema =
                serde_json::json!({"allOf": [schema["schema"]], "components": document["components"]});
            let validator = jsonschema::validator_for(&schema).unwrap();
            let errors: Vec<String> = validator.iter_errors(&body).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{path}: {errors:?} in {body}");
        }
    }
}

#[test]
fn who_has_no_token_reads_nothing() {
    let place = Workplace::with_lab();
    let drawn = place.run("config token").well();
    let secret = drawn.err.lines().next().unwrap().to_owned();
    assert!(!drawn.out.contains(&secret), "the secret is in no file by accident");
    assert_ne!(place.run("config token").well().out, drawn.out);
    let served = Served::start(place, &drawn.out).ready();
    let paths = ["/v1/alerts", "/v1/alerts/x", "/v1/alerts/x/traces", "/v1/traces", "/v1/traces/stream"];
    for path in paths.into_iter().chain(["/v1/lookup", "/v1/logs", "/v1/gateways", "/v1/openapi.json"]) {
        let answer = served.get(path);
        answer.problem(401);
        assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);
        served.get_with(path, "authorization: Bearer unmasq_0\r\n").problem(401);
        let answer = served.get_with(&format!("{path}?x=1"), &format!("authorization: Bearer {secret}\r\n"));
        answer.problem(400);
    }
    assert_eq!(served.get_with("/v1/alerts", &format!("authorization: Bearer {secret}\r\n")).status, 200);
    for path in ["/healthz", "/metrics"] {
        assert_eq!(served.get(path).status, 200);
    }
    assert!(!served.log().contains(&secret["unmasq_".len()..]) && !served.log().contains("unmasq_0"));
    let place = served.stop();

    // Where others can ask, counts are not for everybody either.
    let everywhere = place.read("unmasq.toml").replace("127.0.0.1:0", "0.0.0.0:0");
    let served = Served::start_with(place, &everywhere);
    assert_eq!(served.get("/healthz").status, 200);
    served.get("/metrics").problem(401);
    assert_eq!(served.get_with("/metrics", &format!("authorization: Bearer {secret}\r\n")).status, 200);
    let place = served.stop();

    let open = everywhere.split("[[http.tokens]]").next().unwrap();
    place.write("open.toml", open);
    place.run("config check open.toml").exits(1).says("without a token").says("unmasq config token");
    place.run("serve --config open.toml").exits(1).says("without a token");
}

#[test]
fn a_page_of_strangers_does_not_read_through_a_browser() {
    let served = Served::lab();
    served.send("GET /v1/alerts HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").problem(403);
    served.send("GET /metrics HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n").problem(403);
}

#[test]
fn hostile_requests_hold_nobody_up() {
    let served = Served::lab().ready();
    // One that never comes to the end of its request.
    let mut endless = served.connect();
    endless.write_all(b"GET /healthz HTTP/1.1\r\nhost: local").unwrap();
    let get = |path: &str, more: &str| {
        served
            .send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{more}\r\n"))
            .status
    };
    let long = "x".repeat(1 << 20);
    let refused = |status: u16| assert!([0, 400, 404, 414, 431].contains(&status), "{status}");
    refused(get(&format!("/v1/alerts/{long}"), ""));
    refused(get(&format!("/v1/alerts?after={long}"), ""));
    refused(get("/v1/alerts", &format!("x: {long}\r\n")));
    refused(get("/v1/alerts", &"x: y\r\n".repeat(1000)));
    for path in [
        "/v1/alerts/%",
        "/v1/alerts/%zz",
        "/v1/alerts?%zz=%",
        "/v1/alerts/%00",
        "/v1/../../etc/passwd",
        "//",
        "/%2e%2e/",
    ] {
        refused(get(path, ""));
    }
    for bytes in [
        &b"\0\0\0\0\r\n\r\n"[..],
        b"GET",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"\r\n\r\n\r\n",
    ] {
        let mut stream = served.connect();
        let _ = stream.write_all(bytes);
        stream.shutdown(Shutdown::Write).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    }
    // A body that nobody reads, and one that never comes.
    let body = format!("content-length: {}\r\n", 1u64 << 40);
    assert_eq!(get("/v1/alerts?limit=1", &body), 200);

    // More than there is room for, all silent; whoever comes then is told, and those that go make room.
    let silent: Vec<TcpStream> = (0..1000).map(|_| served.connect()).collect();
    let busy = served.get("/healthz").status;
    assert!([0, 200, 503].contains(&busy), "{busy}");
    drop(silent);
    while served.get("/healthz").status != 200 {
        thread::sleep(Duration::from_millis(10));
    }
    // Who asks for much and takes none of it.
    let slow: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = served.connect();
            let request = "GET /v1/traces?limit=1000 HTTP/1.1\r\nhost: localhost\r\n\r\n";
            stream.write_all(request.repeat(20).as_bytes()).unwrap();
            stream
        })
        .collect();
    assert_eq!(served.json("/v1/alerts?limit=1")["more"], true);
    drop(slow);
    let mut nothing = String::new();
    assert_eq!(endless.read_to_string(&mut nothing).unwrap_or(0), 0, "it was given up: {nothing}");
    served.stop();
}

#[test]
fn with_a_certificate_it_is_asked_by_tls_only() {
    let place = Workplace::with_lab();
    let believes = certificate(&place);
    let served = Served::start(place, "cert = \"cert.pem\"\nkey = \"key.pem\"\n");
    // A client that is silent, and one that speaks without TLS, hold nobody up.
    let _silent = served.connect();
    let mut plain = served.connect();
    plain.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.windows(4).any(|bytes| bytes == b"HTTP"), "{said:?}");
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(believes, name).unwrap();
    let mut stream = StreamOwned::new(client, served.connect());
    let request = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("alive\n"), "{answer}");
    let place = served.stop();
    let half = place.read("unmasq.toml").replace("key = \"key.pem\"\n", "");
    place.write("half.toml", half);
    place.run("config check half.toml").exits(1).says("needs `cert` and `key`");
    place.write("key.pem", "nothing");
    place.run("config check unmasq.toml").exits(1).says("key.pem");
}
