//! Whom to measure: how each is started, and where its answers are.

use super::score::{Answer, Given};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use unmasq_testkit::workload::Shape;

/// What we are called.
pub(crate) const OURS: &str = "unmasq";

/// The peers that there are scripts for, each called as its Python package.
pub(crate) const PEERS: [&str; 3] = ["duckdb", "polars", "chdb"];

/// In which form unmasq answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// A row for each end that is a shared address.
    Table,
    /// The alerts as they came, each with its trace.
    Traced,
}

/// What is to be done, and where files may be left.
pub(crate) struct Task<'a> {
    pub(crate) sessions: &'a Path,
    pub(crate) alerts: &'a Path,
    pub(crate) shape: Shape,
    pub(crate) scratch: &'a Path,
}

/// Somebody who can do it.
pub(crate) enum Contender {
    /// unmasq itself.
    Ours { binary: PathBuf, answers: Answers },
    /// A script that does the same with another engine.
    Peer { name: String, version: String, python: PathBuf },
}

impl Contender {
    /// unmasq, if it is built.
    pub(crate) fn ours(binary: PathBuf, answers: Answers) -> Result<Self> {
        if !binary.is_file() {
            bail!(
                "there is no {}: build it with `cargo build --release -p unmasq`, or say --unmasq PATH",
                binary.display()
            );
        }
        Ok(Self::Ours { binary, answers })
    }

    /// A peer, if `python` has its package; else why not.
    pub(crate) fn peer(name: &str, python: &Path) -> Result<Self> {
        let probe = Command::new(python)
            .args(["-c", &format!("import {name}; print({name}.__version__)")])
            .stderr(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}; --python PATH names another", python.display()))?;
        if !probe.status.success() {
            bail!("{} has no package {name}; --python PATH names another", python.display());
        }
        let version = String::from_utf8_lossy(&probe.stdout).trim().to_owned();
        Ok(Self::Peer { name: name.to_owned(), version, python: python.to_owned() })
    }

    /// What it is called in the table.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Ours { .. } => OURS.to_owned(),
            Self::Peer { name, version, .. } => format!("{name} {version}"),
        }
    }

    /// Whether it is unmasq.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Ours { .. })
    }

    /// The process that does `task`.
    pub(crate) fn command(&self, task: &Task<'_>) -> Command {
        match self {
            Self::Ours { binary, answers } => {
                let format = if task.shape == Shape::Csv { "alibaba-nat-csv" } else { "alibaba-nat" };
                let prefix = if *answers == Answers::Table { "csv:" } else { "" };
                let mut command = Command::new(binary);
                command.arg("trace");
                command.args(["--sessions", &format!("{format}:{}", task.sessions.display())]);
                command.args(["--alerts", &format!("suricata-eve:{}", task.alerts.display())]);
                command.args(["--clock-bound", "500ms", "--evidence", "ref", "-q", "--output"]);
                command.arg(format!("{prefix}{}", self.output(task).display()));
                command
            }
            Self::Peer { name, python, .. } => {
                let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
                let mut command = Command::new(python);
                // No compiled script is left in the repository.
                command.arg("-B").arg(scripts.join(format!("peer_{name}.py")));
                command.arg("--sessions").arg(task.sessions).arg("--shape").arg(task.shape.name());
                command.arg("--alerts").arg(task.alerts).arg("--output").arg(self.output(task));
                command.arg("--scratch").arg(task.scratch);
                command
            }
        }
    }

    /// What it answered to `task`, which it has done.
    pub(crate) fn answers(&self, task: &Task<'_>) -> Result<Given> {
        let path = self.output(task);
        let answers = match self {
            Self::Ours { answers: Answers::Traced, .. } => read_traced(&path),
            _ => read_table(&path),
        };
        answers.with_context(|| format!("cannot read the answers in {}", path.display()))
    }

    fn output(&self, task: &Task<'_>) -> PathBuf {
        task.scratch.join(match self {
            Self::Ours { answers: Answers::Traced, .. } => "traced.json",
            _ => "answers.csv",
        })
    }
}

/// Rows under a header with `flow_id`, `inside_ip` and `inside_port`. Without a `status`, whoever is named is
/// the answer.
fn read_table(path: &Path) -> Result<Given> {
    let mut rows = csv::Reader::from_path(path)?;
    let header = rows.headers()?.clone();
    let place = |name: &str| header.iter().position(|column| column == name);
    let needed = |name: &str| place(name).with_context(|| format!("there is no column `{name}`"));
    let [flow_id, ip, port] = [needed("flow_id")?, needed("inside_ip")?, needed("inside_port")?];
    let status = place("status");
    let mut given = Given::default();
    for row in rows.records() {
        let row = row?;
        let cell = |column: usize| row.get(column).unwrap_or_default();
        let status = status.map_or("traced", cell);
        given.add(cell(flow_id).parse()?, answer(status, cell(ip), cell(port))?);
    }
    Ok(given)
}

/// Alerts, each with a trace of two ends.
fn read_traced(path: &Path) -> Result<Given> {
    let mut given = Given::default();
    for line in BufReader::new(File::open(path)?).lines() {
        let alert: Value = serde_json::from_str(&line?)?;
        let flow_id = alert["flow_id"].as_u64().context("an alert has no flow_id")?;
        for end in ["src", "dest"] {
            let end = &alert["trace"][end];
            let status = end["status"].as_str().with_context(|| format!("alert {flow_id} has no trace"))?;
            let ip = end["inside"]["ip"].as_str().unwrap_or_default();
            let port = end["inside"]["port"].to_string();
            given.add(flow_id, answer(status, ip, &port)?);
        }
    }
    Ok(given)
}

fn answer(status: &str, ip: &str, port: &str) -> Result<Answer> {
    Ok(match status {
        "traced" => Answer::Named(SocketAddr::new(
            ip.parse::<IpAddr>().with_context(|| format!("`{ip}` is no address"))?,
            port.parse().with_context(|| format!("`{port}` is no port"))?,
        )),
        "ambiguous" => Answer::Several,
        _ => Answer::Nobody,
    })
}
