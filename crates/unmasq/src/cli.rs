//! What can be typed.

use crate::exit;
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use std::{path::PathBuf, time::Duration};
use unmasq_decode::Format;
use unmasq_model::{Endpoint, Protocol, Realm};
use unmasq_node::{SessionsArg, Sources};

/// Who is really behind a shared address.
///
/// A detector sees only the public side of a NAT gateway. unmasq joins its alerts with the session
/// logs of those gateways and names the real machine, container and process, with the record that
/// proves it. It reads files and writes files; it never touches the traffic.
#[derive(Parser, Debug)]
#[command(version, after_help = exit::HELP, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// When to use colour; NO_COLOR is honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

impl Color {
    pub(crate) fn write_global(self) {
        match self {
            Self::Auto => anstream::ColorChoice::Auto,
            Self::Always => anstream::ColorChoice::Always,
            Self::Never => anstream::ColorChoice::Never,
        }
        .write_global();
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Name the machines behind the alerts of a file
    Trace(TraceArgs),
    /// Name who was behind one endpoint, as an abuse mail asks it
    Lookup(LookupArgs),
    /// See it work on a recorded attack, in seconds
    Demo(DemoArgs),
}

/// Where knowledge comes from; the same for every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "What is known")]
pub(crate) struct SourceArgs {
    /// The site: gateways, addresses, machines and their logs (JSON or TOML; see docs/inventory.md)
    #[arg(long, value_name = "FILE")]
    inventory: Option<PathBuf>,
    /// A session log: a file, a folder, a pattern or `-`; FORMAT:PATH says its format
    ///
    /// Without this, the logs that the inventory names are read. Plain, gzip and zstd files are read
    /// as they are; the files of a rotated log are put together.
    #[arg(long, value_name = "[FORMAT:]PATH", value_parser = sessions, long_help = sessions_help())]
    sessions: Vec<SessionsArg>,
    /// Process records of host agents (see docs/formats.md)
    #[arg(long, value_name = "PATH")]
    processes: Vec<String>,
    /// The zone of times that carry none, such as Asia/Shanghai or +08:00
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    tz: Option<TimeZone>,
    /// How far a gateway's clock may be from the sensor's, where the inventory does not say
    /// [default: 500ms]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    clock_bound: Option<Duration>,
    /// The realm in which the sensor listens [default: public, or what the inventory says]
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,
}

impl SourceArgs {
    pub(crate) fn sources(&self) -> Sources {
        Sources {
            inventory: self.inventory.clone(),
            sessions: self.sessions.clone(),
            processes: self.processes.clone(),
            zone: self.tz.clone(),
            clock_bound: self.clock_bound,
            sensor_realm: self.realm.as_deref().map(Realm::from),
        }
    }

    /// Whether nothing at all was given to know from.
    pub(crate) fn is_empty(&self) -> bool {
        self.inventory.is_none() && self.sessions.is_empty()
    }
}

#[derive(Args, Debug)]
pub(crate) struct TraceArgs {
    /// The alerts: a file, a folder, a pattern or `-`; FORMAT:PATH says their format
    #[arg(long, value_name = "[FORMAT:]PATH", required = true)]
    pub(crate) alerts: Vec<String>,
    /// How to read alerts that are other JSON: a TOML map of their fields (see docs/formats.md)
    #[arg(long, value_name = "FILE")]
    pub(crate) field_map: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) known: SourceArgs,
    /// Where the traced alerts go; `-` is standard output
    #[arg(long, short, value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,
    /// Leave out lines that are not alerts
    #[arg(long)]
    pub(crate) only_alerts: bool,
    /// The member that is added to each alert
    #[arg(long, value_name = "NAME", default_value = "trace")]
    pub(crate) field: String,
    /// How much of the evidence is written: the records themselves, or only where they are
    #[arg(long, value_name = "HOW", default_value = "full")]
    pub(crate) evidence: Evidence,
    /// Do not print the summary
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// How much of the evidence is written.
#[derive(Clone, Copy, ValueEnum, Debug)]
pub(crate) enum Evidence {
    /// Source, line and the record itself
    Full,
    /// Source and line
    Ref,
}

#[derive(Args, Debug)]
pub(crate) struct LookupArgs {
    /// The endpoint as the world saw it: 203.0.113.7:40112, 203.0.113.7 or [2001:db8::7]:40112
    #[arg(value_name = "ADDRESS[:PORT]", value_parser = endpoint)]
    pub(crate) endpoint: Endpoint,
    /// Whom it spoke with, with the port if that is known
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = endpoint)]
    pub(crate) remote: Option<Endpoint>,
    /// The protocol: tcp, udp, icmp or a number
    #[arg(long, value_name = "PROTOCOL")]
    pub(crate) proto: Option<Protocol>,
    /// The moment; a time without seconds means that whole minute
    #[arg(long, value_name = "TIME", conflicts_with_all = ["from", "to"], required_unless_present = "from")]
    pub(crate) at: Option<String>,
    /// The start of a span of time: 2026-11-22T10:30:00Z, "2026-11-22 10:30" or 10:30
    #[arg(long, value_name = "TIME", requires = "to")]
    pub(crate) from: Option<String>,
    /// Its end; a time without seconds means to the end of that minute
    #[arg(long, value_name = "TIME", requires = "from")]
    pub(crate) to: Option<String>,
    /// The zone of --at, --from and --to, if they carry none
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub(crate) zone: Option<TimeZone>,
    #[command(flatten)]
    pub(crate) known: SourceArgs,
    /// Print the answer as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Leave the recorded files in this folder, to try other commands on them
    #[arg(long, value_name = "FOLDER")]
    pub(crate) keep: Option<PathBuf>,
}

fn sessions(text: &str) -> Result<SessionsArg, String> {
    let arg = SessionsArg::from(text);
    // `conntrak:log` is a slip, `C:\log` or `a:b.log` is a file.
    match text.split_once(':') {
        Some((format, path))
            if arg.format.is_none() && !std::path::Path::new(text).exists() && !path.is_empty() =>
        {
            Err(format!(
                "`{format}` is not a format that can be read; there are {}",
                format_names().join(", ")
            ))
        }
        _ => Ok(arg),
    }
}

fn format_names() -> Vec<&'static str> {
    Format::ALL.iter().map(|format| format.name()).collect()
}

fn sessions_help() -> String {
    format!(
        "A session log: a file, a folder, a pattern or `-` for standard input; FORMAT:PATH says its format\n\n\
         Without this, the logs that the inventory names are read. Plain, gzip and zstd files are read as they \
         are; the files of a rotated log are put together.\n\n\
         Formats: {}",
        format_names().join(", ")
    )
}

fn zone(text: &str) -> Result<TimeZone, String> {
    unmasq_io::zone(text).map_err(|error| error.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    unmasq_io::duration(text).map_err(|error| error.to_string())
}

fn endpoint(text: &str) -> Result<Endpoint, String> {
    if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
        return Ok(Endpoint::new(socket.ip(), Some(socket.port())));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse()
        .map(|ip| Endpoint::new(ip, None))
        .map_err(|_| "an endpoint looks like 203.0.113.7, 203.0.113.7:40112 or [2001:db8::7]:40112".into())
}
