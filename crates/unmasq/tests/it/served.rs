//! A service that runs, and a client that speaks to it over a real socket.

use crate::run::Workplace;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::Child,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

/// The lab, all of it written before the service starts.
const CONFIG: &str = r#"
data = "data"
inventory = "inventory.json"
processes = ["process.jsonl"]
[[alerts]]
path = "eve.json"
[answers]
wait = "1s"
stand = "100ms"
[limits]
poll = "20ms"
[log]
form = "json"
[http]
listen = "127.0.0.1:0"
"#;

/// A service; it is asked to stop when nobody looks at it any more.
pub(crate) struct Served {
    pub(crate) place: Workplace,
    child: Child,
    pub(crate) address: String,
    logged: Arc<Mutex<String>>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// With their names in small letters.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Served {
    pub(crate) fn lab() -> Self {
        Self::start(Workplace::with_lab(), "")
    }

    /// With more at the end of its configuration, under `[http]`.
    pub(crate) fn start(place: Workplace, more: &str) -> Self {
        Self::start_with(place, &format!("{CONFIG}{more}"))
    }

    pub(crate) fn start_with(place: Workplace, config: &str) -> Self {
        place.write("unmasq.toml", config);
        let mut child = place.start(&["serve", "--config", "unmasq.toml"]);
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let logged = Arc::new(Mutex::new(String::new()));
        let (sender, listens) = mpsc::channel();
        let log = Arc::clone(&logged);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event: Value = serde_json::from_str(&line).unwrap_or_default();
                if event["message"] == "listens" {
                    let _ = sender.send(event["address"].as_str().unwrap().replace("0.0.0.0", "127.0.0.1"));
                }
                let mut log = log.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let address = listens.recv_timeout(Duration::from_secs(20)).unwrap_or_else(|_| {
            let _ = child.kill();
            panic!("it does not listen: {}", logged.lock().unwrap())
        });
        Self { place, child, address, logged }
    }

    /// Waits until everything that lay there was read and answered.
    #[expect(clippy::disallowed_methods, reason = "it waits for another process")]
    pub(crate) fn ready(self) -> Self {
        let begun = Instant::now();
        while self.get("/readyz").status != 200 {
            assert!(begun.elapsed() < Duration::from_secs(30), "it is not ready: {}", self.log());
            thread::sleep(Duration::from_millis(20));
        }
        self
    }

    pub(crate) fn log(&self) -> String {
        self.logged.lock().unwrap().clone()
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_with(path, "")
    }

    /// With more headers, each ended by `\r\n`.
    pub(crate) fn get_with(&self, path: &str, headers: &str) -> Answer {
        let host = &self.address;
        self.send(format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n"))
    }

    /// Sends these bytes and reads until the other side closes.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect();
        // Who refuses early need not read all of it.
        let _ = stream.write_all(bytes.as_ref());
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let text = String::from_utf8(answer).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let head = head.to_ascii_lowercase();
        let body =
            if head.contains("transfer-encoding: chunked") { unchunked(body) } else { body.to_owned() };
        Answer { status, head, body }
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert!(answer.head.contains("content-type: application/json"), "{}", answer.head);
        answer.json()
    }

    /// How much one of its counters is.
    pub(crate) fn count(&self, name: &str) -> u64 {
        let text = self.get("/metrics").body;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
    }

    /// Asks it to stop; it ends well.
    pub(crate) fn stop(mut self) -> Workplace {
        let pid = self.child.id().to_string();
        assert!(std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        assert!(status.success(), "it ends well when it is asked to: {status}\n{}", self.log());
        std::mem::replace(&mut self.place, Workplace::new())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The problem document that it is.
    pub(crate) fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        let problem = self.json();
        assert_eq!(problem["status"], status);
        problem
    }
}

fn unchunked(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap_or(0);
        let Some(chunk) = rest.get(..size).filter(|chunk| !chunk.is_empty()) else { break };
        whole.push_str(chunk);
        body = rest.get(size + 2..).unwrap_or_default();
    }
    whole
}
