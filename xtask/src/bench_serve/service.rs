//! The service that is measured, as a process of its own.

use anyhow::{Context, Result, ensure};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

pub(super) struct Service {
    process: Child,
    address: String,
}

/// What it counts, by name.
pub(super) type Counted = BTreeMap<String, u64>;

impl Service {
    /// Starts it in `folder`, where it follows `alerts` and tells `answers.json`, to follow the session logs in `logs`.
    pub(super) fn start(binary: &Path, folder: &Path, logs: &Path, poll: Option<&str>) -> Result<Self> {
        // Whoever takes the port in between makes this fail, and it is run again.
        let free = TcpListener::bind("127.0.0.1:0").context("cannot find a free port")?;
        let address = free.local_addr()?.to_string();
        drop(free);
        let poll = poll.map(|poll| format!("poll = \"{poll}\"\n")).unwrap_or_default();
        let config = format!(
            "data = \"data\"\nclock_bound = \"500ms\"\n\
             [[sessions]]\npath = \"{}/*.jsonl\"\nformat = \"alibaba-nat\"\n\
             [[alerts]]\npath = \"alerts/*.jsonl\"\nformat = \"suricata-eve\"\n\
             [[sinks]]\nfile = \"answers.json\"\n\
             [answers]\nstand = \"0s\"\nevidence = \"ref\"\n\
             [gateways]\ndiscovered = \"on\"\n[limits]\n{poll}[http]\nlisten = \"{address}\"\n",
            logs.display()
        );
        fs::write(folder.join("unmasq.toml"), config).context("cannot write the configuration")?;
        let process = Command::new(binary)
            .args(["serve", "--config"])
            .arg(folder.join("unmasq.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("log.txt")).context("cannot write the log")?)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        Ok(Self { process, address })
    }

    /// What it counts now.
    pub(super) fn counted(&mut self) -> Result<Counted> {
        if let Some(status) = self.process.try_wait()? {
            anyhow::bail!("the service ended with {status}");
        }
        let mut stream = TcpStream::connect(&self.address).context("the service does not answer")?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        write!(stream, "GET /metrics HTTP/1.0\r\nHost: {}\r\n\r\n", self.address)?;
        let mut text = String::new();
        stream.read_to_string(&mut text).context("cannot read what the service counts")?;
        ensure!(text.starts_with("HTTP/1.0 200") || text.starts_with("HTTP/1.1 200"), "{text}");
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(lines.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect())
    }

    /// Waits until it has done with what lies there.
    pub(super) fn is_ready(&mut self) -> Result<()> {
        loop {
            match self.counted() {
                Ok(counted) if counted.get("unmasq_ready") == Some(&1) => return Ok(()),
                Err(error) if self.process.try_wait()?.is_some() => return Err(error),
                Ok(_) | Err(_) => std::thread::sleep(Duration::from_millis(100)),
            }
        }
    }

    /// So much memory that is its own, in KiB, and so much processor time, in steps of 10 ms.
    pub(super) fn costs(&self) -> (Option<u64>, Option<Duration>) {
        let id = self.process.id();
        let memory = crate::bench_compare::memory_kib(id);
        (memory, crate::bench_compare::cpu_of(id))
    }
}

/// How often something took at most so many seconds, as a histogram of the service's counted between two moments.
pub(super) fn took_between(before: &Counted, after: &Counted, name: &str) -> Vec<(String, u64)> {
    let begin = format!("unmasq_{name}_bucket{{le=\"");
    let mut bounds: Vec<(String, u64)> = after
        .iter()
        .filter_map(|(name, count)| {
            let bound = name.strip_prefix(&begin)?.strip_suffix("\"}")?;
            Some((bound.to_owned(), count - before.get(name).copied().unwrap_or_default()))
        })
        .collect();
    // In order of length; what has no number has no end.
    bounds.sort_by_key(|(bound, _)| bound.replace('.', "").parse().unwrap_or(u64::MAX));
    bounds
}

impl Drop for Service {
    fn drop(&mut self) {
        // What it has of this run nobody needs any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
