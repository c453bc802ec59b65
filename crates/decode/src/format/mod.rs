//! The session-log formats, one file each; adding one is a file here, a line in [`Format`] and a
//! corpus folder.

mod a10_cgn;
mod alibaba_lb;
mod alibaba_nat;
mod aws;
mod aws_alb;
mod aws_elb;
mod aws_nlb;
mod carried;
mod cisco_asa;
mod conntrack;
mod detect;
mod envoy;
mod f5_lsn;
mod fortigate;
mod gcp_nat;
mod haproxy;
mod ipfix;
mod juniper_jservices;
mod juniper_srx;
mod nginx;
mod panos_traffic;
mod rows;
mod squid;
mod traefik;
mod ulogd;
mod wrapped;

pub(crate) use conntrack::known_state;
pub use detect::detect;

use crate::{BadLayout, Decoder, Framing, Hints};
use std::{fmt, str::FromStr, time::Duration};
use unmasq_model::GatewayKind;

/// Declares [`Format`] with one line for each.
macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident = $definition:path,)*) => {
        /// A form that a session log can be written in.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Format {
            $($(#[$doc])* $variant,)*
        }

        impl Format {
            /// Every format, in order of name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            const fn definition(self) -> &'static Definition {
                match self {
                    $(Self::$variant => &$definition,)*
                }
            }
        }
    };
}

formats! {
    /// A10 carrier-grade NAT events, as ASCII and CEF.
    A10Cgn = a10_cgn::LINES,
    /// Alibaba Cloud's application load balancers (ALB), as JSON lines or CSV.
    AlibabaAlb = alibaba_lb::ALB,
    /// Alibaba Cloud's classic load balancers (CLB), as JSON lines or CSV.
    AlibabaClb = alibaba_lb::CLB,
    /// Alibaba Cloud's NAT gateway session log as JSON lines.
    AlibabaNat = alibaba_nat::JSON,
    /// The same as CSV with a header row.
    AlibabaNatCsv = alibaba_nat::CSV,
    /// AWS Application Load Balancers' access log.
    AwsAlb = aws_alb::TEXT,
    /// AWS Classic Load Balancers' access log.
    AwsElb = aws_elb::TEXT,
    /// AWS Network Load Balancers' log of TLS connections.
    AwsNlb = aws_nlb::TEXT,
    /// Cisco ASA's and FTD's syslog messages about connections and translations.
    CiscoAsa = cisco_asa::SYSLOG,
    /// A dump of the kernel's table, as `conntrack -L` or `/proc/net/nf_conntrack`.
    ConntrackDump = conntrack::DUMP,
    /// `conntrack -E` event text.
    ConntrackText = conntrack::TEXT,
    /// `conntrack -E -o xml`.
    ConntrackXml = conntrack::XML,
    /// Envoy's access log, in its default text, Istio's, or JSON.
    Envoy = envoy::ANY,
    /// F5 BIG-IP large-scale NAT events.
    F5Lsn = f5_lsn::LINES,
    /// FortiGate traffic logs as `key=value`.
    Fortigate = fortigate::PAIRS,
    /// Google Cloud NAT's log as JSON.
    GcpCloudNat = gcp_nat::JSON,
    /// HAProxy's log: HTTP, TCP and any `log-format`.
    Haproxy = haproxy::TEXT,
    /// The access log of the Kubernetes ingress controller ingress-nginx.
    IngressNginx = nginx::INGRESS,
    /// IPFIX or NetFlow v9 flow records with addresses after translation.
    IpfixFlow = ipfix::FLOW,
    /// IPFIX or NetFlow v9 NAT events and firewall events.
    IpfixNat = ipfix::NAT,
    /// Juniper services cards' NAT port blocks and sessions.
    JuniperJservices = juniper_jservices::SYSLOG,
    /// Juniper SRX session logs.
    JuniperSrx = juniper_srx::SYSLOG,
    /// nginx's access log in any `log_format`.
    Nginx = nginx::TEXT,
    /// nginx's access log as JSON.
    NginxJson = nginx::JSON,
    /// The traffic log of PAN-OS as CSV.
    PanosTraffic = panos_traffic::CSV,
    /// Squid's access log in any `logformat`.
    Squid = squid::TEXT,
    /// Traefik's access log, in JSON or its form of CLF.
    Traefik = traefik::ANY,
    /// ulogd2's connections as syslog-like text.
    UlogdEmu = ulogd::EMU,
    /// ulogd2's connections as JSON lines, by event or by flow.
    UlogdJson = ulogd::JSON,
}

/// All that the rest of the program knows of a format; each format's file has one.
pub(crate) struct Definition {
    /// The name that the command line, inventories and documents use.
    pub(crate) name: &'static str,
    /// Names under which inventories also know it.
    pub(crate) aliases: &'static [&'static str],
    /// What holds for every log of it.
    pub(crate) traits: FormatTraits,
    /// Makes a decoder for one file.
    pub(crate) decoder: fn(&Hints) -> Result<Box<dyn Decoder>, BadLayout>,
}

/// What holds for every log of one format.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FormatTraits {
    /// What its decoder reads at a time.
    pub framing: Framing,
    /// What writes it, where the inventory does not say.
    pub kind: GatewayKind,
    /// How long after the fact a record may come.
    pub delay: Duration,
    /// Whether the writer may leave records out, so that absence proves nothing.
    pub best_effort: bool,
    /// Whether flows that the outside opened are shown too.
    pub shows_inbound: bool,
    /// Whether a balancer also shows connections that it forwards without looking inside.
    pub shows_connections: bool,
    /// How long a silent session may live, where one session comes in several records.
    pub idle_timeout: Option<Duration>,
    /// How much of a session one of its records tells.
    pub tells: Tells,
}

/// How much of a session the records of a format tell, each by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tells {
    /// When it, or the part of it that the record is about, began and ended.
    BothEdges,
    /// Perhaps one edge alone: others of the same translated tuple tell the rest, and bound it.
    OneEdge,
    /// As before; and some do not even say what was translated, so that others of the same inside and peer
    /// must.
    Connection,
}

impl FormatTraits {
    /// A translator that logs at once and shows everything.
    pub(crate) const NAT: Self = Self {
        framing: Framing::Lines,
        kind: GatewayKind::Nat,
        delay: Duration::from_secs(1),
        best_effort: false,
        shows_inbound: true,
        shows_connections: true,
        idle_timeout: None,
        tells: Tells::OneEdge,
    };

    /// A balancer that logs a request when it is over.
    pub(crate) const BALANCER: Self =
        Self { kind: GatewayKind::Balancer, shows_connections: false, tells: Tells::BothEdges, ..Self::NAT };
}

/// One reading of what a file may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Guess<F> {
    /// The format.
    pub format: F,
    /// How many of the sampled lines fit it, in percent.
    pub percent: u8,
}

/// A name that no format has.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a session log format that can be read")]
pub struct UnknownFormat(pub String);

impl Format {
    /// The name that the command line, inventories and documents use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.definition().name
    }

    /// What holds for every log of this format.
    #[must_use]
    pub const fn traits(self) -> FormatTraits {
        self.definition().traits
    }

    /// A fresh decoder for one file. A record that needs a hint and has none is [`crate::Unreadable`].
    ///
    /// # Errors
    /// When the hints' format string cannot be used.
    pub fn decoder(self, hints: &Hints) -> Result<Box<dyn Decoder>, BadLayout> {
        (self.definition().decoder)(hints)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads a name, or an alias that inventories use.
impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        let known = |format: &&Self| {
            let Definition { name, aliases, .. } = format.definition();
            *name == text || aliases.contains(&text)
        };
        Self::ALL.iter().find(known).copied().ok_or_else(|| UnknownFormat(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_and_alias_leads_to_its_format() {
        for &format in Format::ALL {
            let Definition { name, aliases, .. } = format.definition();
            for name in aliases.iter().chain([name]) {
                assert_eq!(name.parse(), Ok(format));
            }
        }
        assert_eq!("conntrack-text-ktimestamp".parse(), Ok(Format::ConntrackText));
        assert_eq!("conntrack".parse::<Format>(), Err(UnknownFormat("conntrack".into())));
        assert!(Format::ALL.is_sorted_by_key(|format| format.name()));
        let every = |format: &Format| [format.definition().aliases, &[format.name()]].concat();
        let mut names: Vec<_> = Format::ALL.iter().flat_map(every).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|one, next| one < next), "a name leads to two formats");
    }
}
