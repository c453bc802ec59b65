//! Syslog to a receiver of our own, and to others that break off, hang or say something.

use super::{SHORT, certificate, message, messages, tell_all, with};
use std::{
    fs,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};
use unmasq_io::{
    listen::{By, Event, Limits, Listen, Listener, Surroundings, TlsFiles, Transport},
    sink::{Place, Sink, SinkError, Syslog},
};
use unmasq_model::Arrival;

fn syslog(scheme: &str, address: SocketAddr) -> Syslog {
    let host = if scheme == "tls" { "localhost".to_owned() } else { address.ip().to_string() };
    let syslog = Syslog::new(&format!("{scheme}://{host}:{}", address.port())).unwrap();
    with(syslog, |syslog| syslog.timeout = Duration::from_secs(5))
}

fn open(syslog: Syslog) -> Box<dyn Sink> {
    Place::Syslog(syslog).open("syslog").unwrap()
}

/// What a listener sees here.
struct Around(Arc<AtomicBool>);

/// Says that it is over, also if a test fails.
struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl Surroundings for Around {
    fn now(&self) -> Arrival {
        Arrival::from_unix_us(0)
    }
    fn is_stopping(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
    fn read_up_to(&self, _: &Path) -> u64 {
        0
    }
    fn count(&self, _: Event, _: u64) {}
    fn failed(&self, what: &str, error: &io::Error) {
        eprintln!("{what}: {error}");
    }
}

/// A listener of our own while `run` runs, and the lines that it has kept.
fn received(scheme: &str, folder: &Path, run: impl FnOnce(SocketAddr)) -> Vec<String> {
    let pem = |name: &str| folder.join(name);
    let transport = match scheme {
        "udp" => Transport::Udp,
        "tcp" => Transport::Tcp,
        _ => Transport::Tls(TlsFiles { certificate: pem("cert.pem"), key: pem("key.pem"), clients: None }),
    };
    let spool = folder.join("spool");
    let listen = Listen {
        name: "traced".into(),
        address: ([127, 0, 0, 1], 0).into(),
        transport,
        by: By::Nothing,
        without_header: false,
        folder: spool.clone(),
        limits: Limits::default(),
    };
    let listener = Listener::bind(&listen, Arrival::from_unix_us(0)).unwrap();
    let (address, stop) = (listener.address().unwrap(), Arc::new(AtomicBool::new(false)));
    let around = Around(Arc::clone(&stop));
    thread::scope(|scope| {
        scope.spawn(|| listener.receive(&around));
        let _end = End(stop);
        run(address);
        if scheme == "udp" {
            thread::sleep(SHORT);
        }
    });
    let mut files: Vec<PathBuf> = fs::read_dir(&spool).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let text: String = files.into_iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn a_receiver_of_our_own_keeps_every_message_once() {
    for scheme in ["tcp", "tls", "udp"] {
        let folder = tempfile::tempdir().unwrap();
        certificate(folder.path());
        let lines = received(scheme, folder.path(), |address| {
            let ca = (scheme == "tls").then(|| folder.path().join("cert.pem"));
            let mut sink = open(with(syslog(scheme, address), |syslog| syslog.ca = ca));
            for from in [1, 11, 21] {
                assert!(tell_all(&mut *sink, &messages(from..=from + 9)).is_empty());
            }
        });
        assert_eq!(lines.len(), 30, "{scheme}");
        for (number, line) in (1..).zip(&lines) {
            let (head, text) = line.split_once("] ").unwrap();
            assert_eq!(text, format!("{{\"n\":{number}}}"), "{scheme}");
            let words: Vec<&str> = head.split(' ').collect();
            let data = format!("alert=\"alert-{number}\"");
            assert_eq!([words[0], words[1]], ["<84>1", "2026-11-22T10:57:52.309137Z"], "{scheme}");
            assert_eq!(
                words[3..],
                ["unmasq", "-", "trace", "[unmasq@32473", &data, "revision=\"1\"", "status=\"traced\""]
            );
        }
    }
}

#[test]
fn what_stands_in_an_id_ends_nothing() {
    let mut odd = message(1, "{}\n\"]");
    odd.alert = unmasq_model::AlertId("a\"b\\c]d\ne".into());
    let address = UdpSocket::bind("127.0.0.1:0").unwrap();
    open(syslog("udp", address.local_addr().unwrap())).tell(&[odd]).unwrap();
    let mut datagram = [0; 2000];
    let length = address.recv(&mut datagram).unwrap();
    let text = str::from_utf8(&datagram[..length]).unwrap();
    let (_, data) = text.split_once(" [").unwrap();
    let expected =
        "unmasq@32473 alert=\"a\\\"b\\\\c\\]d\u{fffd}e\" revision=\"1\" status=\"traced\"] {}\n\"]";
    assert_eq!(data, expected);
}

#[test]
fn what_no_datagram_holds_goes_without_its_text_and_is_counted() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let all = [message(1, "{}"), message(2, &"x".repeat(70_000)), message(3, &"y".repeat(60_000))];
    let told = open(syslog("udp", socket.local_addr().unwrap())).tell(&all).unwrap();
    assert_eq!((told.messages, told.cut), (3, 1));
    let mut datagram = vec![0; 70_000];
    let mut ends = Vec::new();
    for _ in 0..3 {
        let length = socket.recv(&mut datagram).unwrap();
        ends.push(String::from_utf8_lossy(&datagram[length.saturating_sub(8)..length]).into_owned());
    }
    assert_eq!(ends, ["ced\"] {}", " cut=\"1\"]"[1..].into(), "yyyyyyyy"]);
}

/// Does that with connections, one after the other; after the last, they are read to their end.
fn odd_receiver(odd: Vec<fn(&mut TcpStream)>) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        for act in odd {
            act(&mut listener.accept().unwrap().0);
        }
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        text
    });
    (address, thread)
}

#[test]
fn a_receiver_that_has_not_read_everything_is_told_again() {
    let (address, thread) = odd_receiver(vec![
        // It ends with nothing read: the kernel says so to the other side.
        |_| thread::sleep(SHORT),
        |stream| drop(stream.read_exact(&mut [0; 10])),
        // It reads everything, and then says nothing.
        |stream| {
            drop(stream.read_to_end(&mut Vec::new()));
            thread::sleep(3 * SHORT);
        },
        |stream| (0..100).for_each(|_| drop(stream.write_all(&[b'x'; 1024]))),
    ]);
    let mut sink = open(with(syslog("tcp", address), |syslog| syslog.timeout = 2 * SHORT));
    let failures = tell_all(&mut *sink, &messages(1..=2));
    assert_eq!(failures.len(), 4, "{failures:?}");
    assert!(matches!(failures[2], SinkError::Unconfirmed(_)), "{failures:?}");
    let text = thread.join().unwrap();
    let frame = |number: u64| format!("revision=\"1\" status=\"traced\"] {{\"n\":{number}}}");
    assert!(text.contains(&frame(1)) && text.ends_with(&frame(2)), "{text}");
}

#[test]
fn one_that_never_closes_may_be_believed() {
    let (address, thread) = odd_receiver(vec![|stream| drop(stream.read(&mut [0; 9000]))]);
    let unconfirmed = with(syslog("tcp", address), |syslog| syslog.confirm = false);
    assert!(tell_all(&mut *open(unconfirmed), &messages(1..=1)).is_empty());
    drop(TcpStream::connect(address).unwrap());
    thread.join().unwrap();
}

#[test]
fn over_tls_the_receiver_must_be_who_it_says() {
    let folder = tempfile::tempdir().unwrap();
    certificate(folder.path());
    let other = tempfile::tempdir().unwrap();
    certificate(other.path());
    let lines = received("tls", folder.path(), |address| {
        let stranger = with(syslog("tls", address), |syslog| syslog.ca = Some(other.path().join("cert.pem")));
        let error = open(stranger).tell(&messages(1..=1)).unwrap_err();
        assert!(
            matches!(&error, SinkError::Send(why) if why.to_string().contains("certificate")),
            "{error:?}"
        );
    });
    assert_eq!(lines, [""; 0], "nobody else was told anything");
}

#[test]
fn what_is_no_receiver_is_said() {
    for (url, why) in [
        ("10.0.0.1:514", "it is no address"),
        ("http://10.0.0.1:514", "not udp://, tcp:// or tls://"),
        ("tcp://10.0.0.1", "names no port"),
        ("tcp://10.0.0.1:514/x", "nothing stands behind"),
        ("tcp://:514", "it names no host"),
    ] {
        let error = Syslog::new(url).unwrap_err().to_string();
        assert!(error.contains(why), "{url}: {error}");
    }
    assert_eq!(Place::Syslog(Syslog::new("tls://[::1]:6514").unwrap()).name(), "syslog:tls://[::1]:6514");
}
