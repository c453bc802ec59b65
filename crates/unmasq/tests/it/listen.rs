//! Syslog that is sent to the service, as it is run: by UDP, TCP and TLS, by friends and by others.

use crate::{
    run::{Workplace, free_port, traces, wait},
    serve::stop,
};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto::ring::default_provider,
    pki_types::ServerName,
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket},
    process::Child,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use unmasq_testkit::{answers::as_in_a_batch, rng::Rng};

const CONFIG: &str = r#"
data = "data"
inventory = "inventory.json"
processes = ["process.jsonl"]
[[sinks]]
file = "traced.json"
[answers]
wait = "1s"
stand = "100ms"
[limits]
poll = "20ms"
[http]
listen = "127.0.0.1:0"
"#;

/// The lab, whose logs are sent.
struct Sent {
    place: Workplace,
    config: String,
    expected: BTreeMap<String, Value>,
}

impl Sent {
    fn new() -> Self {
        let place = Workplace::with_lab();
        let batch = "trace --alerts eve.json --processes process.jsonl --quiet --inventory inventory.json";
        let expected = last_answers(&place.run(batch).well().out);
        // Nothing of the logs lies where the inventory says.
        for (log, _) in LOGS {
            fs::create_dir_all(place.path("away")).unwrap();
            fs::rename(place.path(log), place.path(&format!("away/{log}"))).unwrap();
        }
        Self { place, config: CONFIG.into(), expected }
    }

    /// Listens to a log at a port that is free.
    fn listen(&mut self, name: &str, scheme: &str, more: &str) -> SocketAddr {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let _ =
            write!(self.config, "[[listen]]\nname = \"{name}\"\nsyslog = \"{scheme}://{address}\"\n{more}\n");
        address
    }

    fn alerts_from_file(&mut self) {
        self.config += "[[alerts]]\npath = \"eve.json\"\n";
    }

    fn start(&self) -> Child {
        self.place.write("unmasq.toml", &self.config);
        self.place.start(&["serve", "--config", "unmasq.toml"])
    }

    fn lines(&self, log: &str) -> Vec<Vec<u8>> {
        let path = if log == "eve.json" { log.to_owned() } else { format!("away/{log}") };
        let bytes = self.place.bytes(&path);
        bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
    }

    fn spooled(&self, log: &str) -> bool {
        fs::read_dir(self.place.path(&format!("data/spool/{log}")))
            .is_ok_and(|mut files| files.next().is_some())
    }

    fn answers(&self) -> BTreeMap<String, Value> {
        last_answers(&fs::read_to_string(self.place.path("traced.json")).unwrap_or_default())
    }

    /// Waits until the answers are those that a batch gives.
    #[expect(clippy::disallowed_methods, reason = "it waits for another process")]
    fn wait_for_answers(&self) {
        let begun = Instant::now();
        loop {
            let answers = self.answers();
            if answers == self.expected {
                return;
            }
            if begun.elapsed() > Duration::from_secs(20) {
                let wrong = self.expected.iter().filter(|(id, answer)| answers.get(*id) != Some(*answer));
                let count = wrong.clone().count();
                let (id, answer) = wrong.clone().next().unwrap();
                let told = answers.get(id).unwrap_or(&Value::Null);
                panic!("{count} of {} wrong; expected {answer}\ntold {told}", answers.len());
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The logs of the lab, and their formats.
const LOGS: [(&str, &str); 6] = [
    ("gw-a.conntrack.log", "conntrack-text"),
    ("gw-b.conntrack-kts.log", "conntrack-text"),
    ("node-1.conntrack.log", "conntrack-text"),
    ("haproxy.log", "haproxy"),
    ("nginx.log", "nginx"),
    ("nginx.jsonl", "nginx-json"),
];

/// The last answer for each alert, but for where its evidence was read.
fn last_answers(traced: &str) -> BTreeMap<String, Value> {
    let mut answers = BTreeMap::new();
    for mut trace in traces(traced) {
        let id = trace["alert_id"].as_str().unwrap().to_owned();
        without_places(&mut trace);
        answers.insert(id, as_in_a_batch(trace));
    }
    answers
}

fn without_places(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.contains_key("record") {
                members.remove("source");
                members.remove("line");
            }
            members.values_mut().for_each(without_places);
            // What was sent twice is evidence twice.
            if let Some(Value::Array(evidence)) = members.get_mut("evidence") {
                evidence.dedup();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(without_places),
        _ => {}
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    wait("the port", || TcpStream::connect(address).is_ok());
    let stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Every line ended by a line feed.
fn ended(lines: &[Vec<u8>]) -> Vec<u8> {
    lines.iter().flat_map(|line| [line, &b"\n"[..]].concat()).collect()
}

/// Every line with a header, its length before it; now and then one is ended by a line feed after all.
fn counted(lines: &[Vec<u8>]) -> Vec<u8> {
    let header = &b"<14>1 2026-11-22T10:57:50Z gw program 12 - - "[..];
    let frame = |(at, line): (usize, &Vec<u8>)| match at % 5 {
        4 => [header, line, b"\n"].concat(),
        _ => [format!("{} ", header.len() + line.len()).as_bytes(), header, line].concat(),
    };
    lines.iter().enumerate().flat_map(frame).collect()
}

/// Writes in pieces of odd sizes.
fn write_oddly(stream: &mut impl Write, mut rest: &[u8]) -> io::Result<()> {
    let mut rng = Rng::new(rest.len() as u64);
    while !rest.is_empty() {
        let size = 1 + usize::try_from(rng.next_u64() % 3_000).unwrap();
        let (piece, after) = rest.split_at(size.min(rest.len()));
        stream.write_all(piece)?;
        stream.flush()?;
        rest = after;
    }
    Ok(())
}

/// Sends all of it, and waits until the other side says that it has kept it.
fn send_by_tcp(address: SocketAddr, bytes: &[u8]) -> io::Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    write_oddly(&mut stream, bytes)?;
    stream.shutdown(Shutdown::Write)?;
    match stream.read(&mut [0; 1])? {
        0 => Ok(()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// A certificate for `localhost` that vouches for itself, and what believes it.
pub(crate) fn certificate(place: &Workplace) -> Arc<ClientConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    place.write("cert.pem", made.cert.pem());
    place.write("key.pem", made.signing_key.serialize_pem());
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

fn send_by_tls(address: SocketAddr, config: &Arc<ClientConfig>, bytes: &[u8]) -> io::Result<()> {
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(client, connect(address));
    write_oddly(&mut stream, bytes)?;
    stream.conn.send_close_notify();
    stream.flush()?;
    match stream.read(&mut [0; 1])? {
        0 => Ok(()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Sends a datagram for each, not faster than a socket of the smallest kind holds.
fn send_by_udp(address: SocketAddr, lines: &[Vec<u8>]) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for (at, line) in lines.iter().enumerate() {
        socket.send_to(line, address).unwrap();
        if at % 50 == 49 {
            thread::sleep(Duration::from_millis(2));
        }
    }
}

#[test]
fn what_is_sent_ends_as_what_is_read() {
    let mut sent = Sent::new();
    let believes = certificate(&sent.place);
    let tls = "cert = \"cert.pem\"\nkey = \"key.pem\"\n";
    let format = |format: &str| format!("format = \"{format}\"");
    let gw_a = sent.listen(LOGS[0].0, "udp", &format(LOGS[0].1));
    let gw_b = sent.listen(LOGS[1].0, "tcp", &(format(LOGS[1].1) + "\nheader = \"cut\""));
    let node = sent.listen(LOGS[2].0, "tls", &(format(LOGS[2].1) + "\nheader = \"cut\"\n" + tls));
    let haproxy = sent.listen(LOGS[3].0, "udp", &format(LOGS[3].1));
    let nginx = sent.listen(LOGS[4].0, "tcp", &format(LOGS[4].1));
    let json = sent.listen(LOGS[5].0, "tls", &(format(LOGS[5].1) + "\n" + tls));
    let eve = sent.listen("eve", "tcp", "kind = \"alerts\"\nformat = \"suricata-eve\"");
    let mut child = sent.start();
    wait("the listeners", || {
        assert_eq!(child.try_wait().unwrap(), None, "it ended");
        sent.spooled("eve")
    });
    send_by_tcp(eve, &counted(&sent.lines("eve.json"))).unwrap();
    send_by_udp(gw_a, &sent.lines(LOGS[0].0));
    send_by_tcp(gw_b, &counted(&sent.lines(LOGS[1].0))).unwrap();
    send_by_tls(node, &believes, &counted(&sent.lines(LOGS[2].0))).unwrap();
    send_by_udp(haproxy, &sent.lines(LOGS[3].0));
    send_by_tcp(nginx, &ended(&sent.lines(LOGS[4].0))).unwrap();
    send_by_tls(json, &believes, &ended(&sent.lines(LOGS[5].0))).unwrap();
    sent.wait_for_answers();
    stop(child);
    assert!(sent.expected.values().any(|trace| trace["status"] == "traced"));
}

#[test]
fn what_was_acknowledged_survives_any_kill() {
    let mut sent = Sent::new();
    sent.alerts_from_file();
    let ports: Vec<_> =
        LOGS.iter().map(|(log, format)| sent.listen(log, "tcp", &format!("format = \"{format}\""))).collect();
    let mut child = sent.start();
    thread::scope(|scope| {
        let sent = &sent;
        let senders: Vec<_> = LOGS
            .iter()
            .zip(&ports)
            .map(|((log, _), port)| {
                scope.spawn(move || {
                    let lines = sent.lines(log);
                    for part in lines.chunks(lines.len() / 12 + 1) {
                        // Whatever was not acknowledged is sent again.
                        wait("somebody who takes it", || send_by_tcp(*port, &ended(part)).is_ok());
                    }
                })
            })
            .collect();
        let mut rng = Rng::new(5);
        while senders.iter().any(|sender| !sender.is_finished()) {
            thread::sleep(Duration::from_micros(150_000 + rng.next_u64() % 250_000));
            child.kill().unwrap();
            child.wait().unwrap();
            child = sent.start();
        }
    });
    sent.wait_for_answers();
    stop(child);
}

/// Whether the other side ends it, at once or after some words.
fn is_ended(mut stream: TcpStream) -> bool {
    !matches!(stream.read(&mut [0; 1]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

#[test]
fn hostile_peers_keep_nobody_from_being_heard() {
    let mut sent = Sent::new();
    sent.alerts_from_file();
    let ports: Vec<_> = LOGS
        .iter()
        .map(|(log, format)| {
            let more = format!("format = \"{format}\"\nconnections = 8\nidle = \"400ms\"");
            sent.listen(log, "tcp", &more)
        })
        .collect();
    let datagrams = sent.listen("more", "udp", "format = \"conntrack-text\"\nby = \"host\"\nhosts = 3");
    let child = sent.start();
    wait("the listeners", || LOGS.iter().all(|(log, _)| sent.spooled(log)));
    for port in &ports {
        // As many as there may be, and silent.
        let silent: Vec<TcpStream> = (0..8).map(|_| connect_once(*port)).collect();
        assert!(is_ended(connect_once(*port)), "one too many is refused");
        assert!(silent.into_iter().all(is_ended), "who says nothing has to go");
        let mut endless = connect_once(*port);
        let _ = (0..20).try_for_each(|_| endless.write_all(&[b'x'; 64 * 1024]));
        let mut absurd = connect_once(*port);
        let _ = absurd.write_all(b"99999999 <14>a\n4294967297 <14>b\n18446744073709551616 <14>c\n-1 <14>\n");
        let mut bytes = connect_once(*port);
        let all: Vec<u8> = (0..=255).collect();
        let _ = bytes.write_all(&all.repeat(50));
        // None of them is gone.
        let log = LOGS[ports.iter().position(|known| known == port).unwrap()].0;
        send_by_tcp(*port, &ended(&sent.lines(log))).unwrap();
        drop((endless, absurd, bytes));
        // Neither do many do harm.
        let many: Vec<_> = (0..50).map(|_| TcpStream::connect(port)).collect();
        drop(many);
    }
    let names = ["../../x", "a/b", "..", "gw-1", "gw-2", "gw-3", "gw-4", "gw.1"];
    let lines = names.map(|name| format!("<14>1 2026-11-22T10:57:50Z {name} nat - - - x\ny\0z").into_bytes());
    send_by_udp(datagrams, &lines);
    sent.wait_for_answers();
    let told = || -> Vec<String> {
        let folders = fs::read_dir(sent.place.path("data/spool/more")).unwrap();
        let mut names: Vec<String> =
            folders.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    wait("three senders", || told() == ["127.0.0.1", "gw-1", "gw-2"]);
    let files = fs::read_dir(sent.place.path("data/spool/more/gw-1")).unwrap();
    let text = fs::read_to_string(files.last().unwrap().unwrap().path()).unwrap();
    assert_eq!(text.trim_start(), "<14>1 2026-11-22T10:57:50Z gw-1 nat - - - x#012y#000z\n");
    stop(child);
    assert!(!sent.place.path("x").exists());
}

fn connect_once(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}
