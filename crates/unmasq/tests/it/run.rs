//! Runs the built program in a folder of its own.

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::{
    fs,
    io::Write,
    net::{Ipv4Addr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A folder with files in it, in which the program runs.
pub(crate) struct Workplace {
    folder: TempDir,
}

/// What a run left behind.
pub(crate) struct Ran {
    pub(crate) exit: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// With the recorded lab in it, each kernel NAT logged in one form.
    pub(crate) fn with_lab() -> Self {
        const OTHERS: [&str; 6] =
            ["conntrack-xml", "conntrack-dump", "ulogd-json", "ulogd-json-flow", "ulogd-emu", "ipfix-nat"];
        let place = Self::with_whole_lab();
        let mut inventory: Value = serde_json::from_str(&place.read("inventory.json")).unwrap();
        for gateway in inventory["gateways"].as_array_mut().unwrap() {
            let logs = gateway["logs"].as_array_mut().unwrap();
            logs.retain(|log| !OTHERS.iter().any(|other| log["format"] == *other));
        }
        place.write("inventory.json", serde_json::to_vec_pretty(&inventory).unwrap());
        place
    }

    /// With the recorded lab in it, in every form in which its gateways were logged.
    pub(crate) fn with_whole_lab() -> Self {
        Self::with_corpus("lab-basic")
    }

    /// With the site of two Alibaba Cloud accounts in it.
    pub(crate) fn with_alibaba() -> Self {
        Self::with_corpus("alibaba-site")
    }

    fn with_corpus(name: &str) -> Self {
        let place = Self::new();
        for file in fs::read_dir(corpus(name)).unwrap() {
            let path = file.unwrap().path();
            fs::copy(&path, place.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    pub(crate) fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// Runs `unmasq` with the words of `line`.
    pub(crate) fn run(&self, line: &str) -> Ran {
        self.run_with_input(line, b"")
    }

    pub(crate) fn run_with_input(&self, line: &str, input: &[u8]) -> Ran {
        let args: Vec<&str> = line.split_whitespace().collect();
        let mut child = self.start(&args);
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // A program that stops reading is not a failure of the test.
        let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let ran = Ran::of(child);
        feeder.join().unwrap();
        ran
    }

    /// Starts `unmasq`, with pipes for its input and output.
    pub(crate) fn start(&self, args: &[&str]) -> Child {
        self.command(env!("CARGO_BIN_EXE_unmasq")).args(args).spawn().unwrap()
    }

    /// A command that runs in this folder, without colour and terminal.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.folder.path())
            .env_remove("CLICOLOR_FORCE")
            .env("COLUMNS", "100")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl Ran {
    /// Waits for the end of a child.
    pub(crate) fn of(child: Child) -> Self {
        let output = child.wait_with_output().unwrap();
        Self {
            exit: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The run, which must have succeeded.
    pub(crate) fn well(self) -> Self {
        self.exits(0)
    }

    /// The run, which must have ended so.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.exit, code, "{}", self.err);
        self
    }

    /// The run, which must have told a person this.
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "`{text}` is not in:\n{}", self.err);
        self
    }
}

/// The lines of `traced` that have a trace, as JSON.
pub(crate) fn traces(traced: &str) -> Vec<Value> {
    let traced = traced.trim_start_matches('\u{feff}');
    let lines = traced.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.map(|mut line| line["trace"].take()).filter(|trace| !trace.is_null()).collect()
}

/// The lines of a traced file with the trace, their last member, cut out again.
pub(crate) fn without_traces(traced: &[u8]) -> Vec<u8> {
    const MARK: &[u8] = b",\"trace\":{\"version\":1,\"alert_id\":";
    let bare = |line: &[u8]| {
        let member = line.windows(MARK.len()).rposition(|window| window == MARK);
        match (member, line.iter().rposition(|byte| *byte == b'}')) {
            (Some(member), Some(brace)) => [&line[..member], &line[brace..]].concat(),
            _ => line.to_vec(),
        }
    };
    traced.split_inclusive(|byte| *byte == b'\n').flat_map(bare).collect()
}

/// A folder of the corpus that ships with the project.
pub(crate) fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus").join(name)
}

/// One gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A port of this machine at which nobody listens, by TCP or UDP; another one for each who asks.
///
/// It lies below the ports that a system gives to those who call: one of those may be with another test's
/// client before it is listened to.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 12_000 + u16::try_from(std::process::id() % 100).unwrap() * 100;
    let ports = std::iter::repeat_with(|| first + NEXT.fetch_add(1, Ordering::Relaxed));
    let is_free = |port: &u16| {
        let at = (Ipv4Addr::LOCALHOST, *port);
        TcpListener::bind(at).is_ok() && UdpSocket::bind(at).is_ok()
    };
    ports.take(1_000).find(is_free).unwrap()
}

/// How often something is killed; `UNMASQ_KILLS` says another number than the usual one.
pub(crate) fn kills(usual: usize) -> usize {
    std::env::var("UNMASQ_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(usual)
}

/// Waits until it is so, half a minute at most.
#[expect(clippy::disallowed_methods, reason = "it waits for another process")]
pub(crate) fn wait(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited for {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
