//! How records are written down: three ways in which users have such a log.

use super::{
    BEGIN_UNIX_S, Record, SECOND_US,
    network::{GATEWAYS, gateway_name, vpc_name},
};
use std::{
    io::{self, Write},
    net::Ipv4Addr,
    str::FromStr,
};

/// A notation of the session log, with the field names of Alibaba Cloud's NAT gateways.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// One JSON object a line, numbers as numbers.
    Json,
    /// As the log service exports it: every value a text, and members of the service's own.
    Sls,
    /// Comma-separated, with a header row.
    Csv,
}

/// A word that names no [`Shape`].
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is none of json, sls and csv")]
pub struct UnknownShape(String);

impl Shape {
    /// What it is called on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Sls => "sls",
            Self::Csv => "csv",
        }
    }

    /// What a file of it is called: other shapes have other names.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Json => "sessions.jsonl",
            Self::Sls => "sessions-sls.jsonl",
            Self::Csv => "sessions.csv",
        }
    }
}

impl FromStr for Shape {
    type Err = UnknownShape;

    fn from_str(word: &str) -> Result<Self, UnknownShape> {
        [Self::Json, Self::Sls, Self::Csv]
            .into_iter()
            .find(|shape| shape.name() == word)
            .ok_or_else(|| UnknownShape(word.to_owned()))
    }
}

/// The columns of all shapes, in order.
const COLUMNS: [&str; 15] = [
    "instance",
    "vpc_id",
    "protocol",
    "pri_ip",
    "pri_port",
    "pub_ip",
    "pub_port",
    "nat_ip",
    "nat_port",
    "bytes_from_pub",
    "pkts_from_pub",
    "bytes_from_vpc",
    "pkts_from_vpc",
    "start_time",
    "end_time",
];

/// Writes records, one a line.
pub struct Writer<'a> {
    out: &'a mut dyn Write,
    shape: Shape,
    /// What stands before each value.
    before: Vec<String>,
    /// Each gateway's name and its network's.
    names: Vec<[String; 2]>,
    line: Vec<u8>,
}

/// A value of a record.
#[derive(Clone, Copy)]
enum Value<'a> {
    Name(&'a str),
    Address(&'a Ipv4Addr),
    Number(u64),
}

impl<'a> Writer<'a> {
    /// Writes to `out`, a line at a time: give a buffered one. A shape with a header writes it now.
    ///
    /// # Errors
    /// What `out` says.
    pub fn new(out: &'a mut dyn Write, shape: Shape) -> io::Result<Self> {
        if shape == Shape::Csv {
            writeln!(out, "{}", COLUMNS.join(","))?;
        }
        let before = COLUMNS.iter().enumerate().map(|(column, name)| match (shape, column) {
            (Shape::Csv, 0) => String::new(),
            (Shape::Csv, _) => ",".to_owned(),
            (Shape::Json, 0) => format!("{{\"{name}\":"),
            // In the other notation it follows the service's own members.
            (Shape::Json | Shape::Sls, _) => format!(",\"{name}\":"),
        });
        Ok(Self {
            out,
            shape,
            before: before.collect(),
            names: (0..GATEWAYS).map(|gateway| [gateway_name(gateway), vpc_name(gateway)]).collect(),
            line: Vec::with_capacity(1_024),
        })
    }

    /// Writes one record.
    ///
    /// # Errors
    /// What the output says.
    pub fn write(&mut self, record: &Record) -> io::Result<()> {
        self.line.clear();
        if self.shape == Shape::Sls {
            self.push_service_members(record);
        }
        let [name, vpc] = &self.names[usize::from(record.gateway)];
        let [bytes_in, packets_in, bytes_out, packets_out] = record.traffic().map(Value::Number);
        let values = [
            Value::Name(name),
            Value::Name(vpc),
            Value::Number(record.tuple.protocol.into()),
            Value::Address(record.inside.ip()),
            Value::Number(record.inside.port().into()),
            Value::Address(record.tuple.remote.ip()),
            Value::Number(record.tuple.remote.port().into()),
            Value::Address(record.tuple.outside.ip()),
            Value::Number(record.tuple.outside.port().into()),
            bytes_in,
            packets_in,
            bytes_out,
            packets_out,
            Value::Number(unix_s(record.start)),
            Value::Number(unix_s(record.end)),
        ];
        for (before, value) in self.before.iter().zip(values) {
            self.line.extend_from_slice(before.as_bytes());
            push_value(&mut self.line, self.shape, value);
        }
        self.line.extend_from_slice(if self.shape == Shape::Csv { b"\n" } else { b"}\n" });
        self.out.write_all(&self.line)
    }

    /// When the record was written and received, and in which bundle it came.
    fn push_service_members(&mut self, record: &Record) {
        self.line.extend_from_slice(b"{\"__time__\":\"");
        push_number(&mut self.line, unix_s(record.end));
        self.line.extend_from_slice(
            b"\",\"__topic__\":\"nat_session_log\",\"__source__\":\"log_service\",\"__tag__:__receive_time__\":\"",
        );
        push_number(&mut self.line, unix_s(record.delivered));
        self.line.extend_from_slice(b"\",\"__tag__:__pack_id__\":\"");
        push_number(&mut self.line, record.number / 512);
        self.line.extend_from_slice(b"-0\"");
    }
}

fn unix_s(at: u64) -> u64 {
    BEGIN_UNIX_S + at / SECOND_US
}

fn push_value(line: &mut Vec<u8>, shape: Shape, value: Value<'_>) {
    let quoted = match (shape, value) {
        (Shape::Csv, _) | (Shape::Json, Value::Number(_)) => false,
        (Shape::Sls, _) | (Shape::Json, _) => true,
    };
    if quoted {
        line.push(b'"');
    }
    match value {
        Value::Name(name) => line.extend_from_slice(name.as_bytes()),
        Value::Address(ip) => push_address(line, ip),
        Value::Number(number) => push_number(line, number),
    }
    if quoted {
        line.push(b'"');
    }
}

fn push_address(line: &mut Vec<u8>, ip: &Ipv4Addr) {
    for (place, octet) in ip.octets().into_iter().enumerate() {
        if place > 0 {
            line.push(b'.');
        }
        push_number(line, octet.into());
    }
}

/// The decimal digits; the formatting of the standard library would be most of the generator's time.
fn push_number(line: &mut Vec<u8>, mut number: u64) {
    let begin = line.len();
    loop {
        line.push(b'0' + u8::try_from(number % 10).unwrap_or(0));
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line[begin..].reverse();
}
