//! The fields of an Alibaba balancer's record by their names.

use crate::{
    Unreadable,
    field::{self, fault},
};

/// What a record is made of, by their names.
#[derive(Clone, Copy)]
pub(super) enum Field {
    AppLbId,
    SlbId,
    VpcId,
    VipAddr,
    SlbVport,
    ClientIp,
    ClientPort,
    UpstreamAddr,
    UpstreamStatus,
    Time,
    ReceivedTime,
    RequestTime,
    HttpHost,
    Host,
    HttpUserAgent,
    HttpXForwardedFor,
    Status,
    Scheme,
    ServerProtocol,
    RequestMethod,
    RequestUri,
    RequestLength,
    BodyBytesSent,
    ReadRequestTime,
    WriteResponseTime,
    UpstreamResponseTime,
    TcpinfoRtt,
    SslProtocol,
    SslCipher,
    NetworkType,
}

/// In the order of [`Field`].
pub(super) const NAMES: [&str; 30] = [
    "app_lb_id",
    "slbid",
    "vpc_id",
    "vip_addr",
    "slb_vport",
    "client_ip",
    "client_port",
    "upstream_addr",
    "upstream_status",
    "time",
    "__time__",
    "request_time",
    "http_host",
    "host",
    "http_user_agent",
    "http_x_forwarded_for",
    "status",
    "scheme",
    "server_protocol",
    "request_method",
    "request_uri",
    "request_length",
    "body_bytes_sent",
    "read_request_time",
    "write_response_time",
    "upstream_response_time",
    "tcpinfo_rtt",
    "ssl_protocol",
    "ssl_cipher",
    "network_type",
];

impl Field {
    pub(super) const fn name(self) -> &'static str {
        NAMES[self as usize]
    }
}

/// The texts of a record's fields, however they were written down; one that is there but says nothing is an
/// empty text.
pub(super) struct Fields<'a> {
    pub(super) texts: [Option<&'a str>; NAMES.len()],
    /// Whether any of them may hold an escape of the log's own.
    pub(super) may_be_escaped: bool,
}

impl<'a> Fields<'a> {
    /// The field's text, if the field is there.
    pub(super) fn get(&self, field: Field) -> Option<&'a str> {
        self.texts[field as usize]
    }

    /// The same of a field that says something.
    pub(super) fn optional(&self, field: Field) -> Option<&'a str> {
        self.get(field).filter(|text| !matches!(*text, "" | "-"))
    }

    /// A field that must be there.
    pub(super) fn written(&self, field: Field) -> Result<&'a str, Unreadable> {
        self.get(field).ok_or_else(|| missing(field))
    }

    /// A field that must say something.
    pub(super) fn required(&self, field: Field) -> Result<&'a str, Unreadable> {
        self.optional(field).ok_or_else(|| missing(field))
    }

    /// A field's text as the client sent it. Whether `\x22` is an escape of the log's own is not documented:
    /// what may have been escaped is better unknown than wrong.
    pub(super) fn as_sent(&self, field: Field) -> Option<&'a str> {
        self.optional(field).filter(|text| !self.may_be_escaped || !text.contains("\\x"))
    }

    pub(super) fn port(&self, field: Field) -> Result<Option<u16>, Unreadable> {
        self.optional(field).map(|text| field::port(field.name(), text)).transpose()
    }
}

fn missing(field: Field) -> Unreadable {
    fault(field.name(), "is missing: log and export every field")
}
