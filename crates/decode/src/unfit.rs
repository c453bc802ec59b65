//! Logs that look useful and cannot serve: why, and what to log instead.

use crate::sample::share_of_lines;

/// A kind of log from which nobody can be named.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unfit {
    /// What it is.
    pub what: &'static str,
    /// Why it cannot serve.
    pub why: &'static str,
    /// What to do instead.
    pub instead: &'static str,
}

/// A kind, and how its lines are told.
struct Kind {
    unfit: Unfit,
    fits: fn(&str) -> bool,
}

/// At least this share of the first lines must fit, in percent.
const SURE: u8 = 60;

const KINDS: [Kind; 7] = [
    Kind {
        unfit: Unfit {
            what: "conntrack's events without their times",
            why: "no line says when it was",
            instead: "run it with times: `conntrack -E -o timestamp,id,extended,ktimestamp`",
        },
        fits: |line| {
            let event =
                ["[NEW] ", "[UPDATE] ", "[DESTROY] "].iter().any(|tag| line.trim_start().starts_with(tag));
            event && line.matches(" src=").count() == 2
        },
    },
    Kind {
        unfit: Unfit {
            what: "the kernel's packet log (iptables LOG, nftables log)",
            why: "it shows each packet as it was before its source was translated, and never the translation",
            instead: "log the translations: `conntrack -E -o timestamp,id,extended,ktimestamp`, or ulogd2 with NFCT",
        },
        fits: |line| {
            let marks = [" SRC=", " DST=", " PROTO=", "IN=", " OUT="];
            marks.iter().all(|mark| line.contains(mark)) && !line.contains("REPLY:")
        },
    },
    Kind {
        unfit: Unfit {
            what: "pf's filter log (pfSense, OPNsense, BSD)",
            why: "it shows the packets that rules matched, and has no field for the translation",
            instead: "pf does not log translations: export its state table, or put the translation on a gateway \
                      that does",
        },
        fits: |line| {
            line.contains("filterlog")
                && line.split(',').count() > 15
                && (line.contains(",match,") || line.contains(",pass,"))
        },
    },
    Kind {
        unfit: Unfit {
            what: "AWS VPC flow logs",
            why: "each record counts the packets of one interface; nothing links the leg before a NAT gateway with \
                  the one after it",
            instead: "send egress through a NAT that logs its translations (an instance with conntrack, a firewall)",
        },
        fits: |line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            line.starts_with("version account-id interface-id")
                || (fields.len() >= 14
                    && fields.get(2).is_some_and(|interface| interface.starts_with("eni-")))
                || (line.contains("eni-") && line.contains("aws.vpc"))
        },
    },
    Kind {
        unfit: Unfit {
            what: "an Azure flow log",
            why: "it has no translated port (NAT gateway), or only the leg before the translation (VNet, NSG)",
            instead: "send egress through an appliance that logs its translations",
        },
        fits: |line| {
            (line.contains("NatGatewayIP") && line.contains("SourceIP")) || line.contains("\"flowTuples\"")
        },
    },
    Kind {
        unfit: Unfit {
            what: "a firewall log of RouterOS",
            why: "it shows the packets that rules matched, not the translations",
            instead: "export the translations as IPFIX (`/ip traffic-flow` with NAT fields)",
        },
        fits: |line| line.contains("connection-state:") && line.contains(" in:") && line.contains(" out:"),
    },
    Kind {
        unfit: Unfit {
            what: "a table of translations",
            why: "it shows the translations of one moment, and does not say of which",
            instead: "log each translation as it is made: syslog 302013-302016 (ASA), `ip nat log` or NetFlow NEL (IOS)",
        },
        fits: |line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            line.starts_with("Pro Inside global")
                || matches!(fields.as_slice(), ["tcp" | "udp" | "icmp" | "---", global, local, ..]
                    if fields.len() == 5 && [global, local].iter().all(|at| at.starts_with(|c: char| c.is_ascii_digit())))
                // Below each translation.
                || (line.starts_with("flags ") && line.contains(" idle ") && line.contains(" timeout "))
                || ((line.starts_with("TCP PAT from ")
                    || line.starts_with("UDP PAT from ")
                    || line.starts_with("NAT from "))
                    && line.contains(" to "))
        },
    },
];

/// What a file is from which nobody can be named, by its first bytes.
#[must_use]
pub fn unfit(sample: &[u8]) -> Option<Unfit> {
    if is_capture(sample) {
        return Some(Unfit {
            what: "a packet capture",
            why: "unmasq reads logs, not packets",
            instead: "run the detector over it (`suricata -r FILE`) and give its alerts with --alerts",
        });
    }
    let best = KINDS.iter().map(|kind| (share_of_lines(sample, |line| fits(kind, line)), kind));
    best.filter(|(share, _)| *share >= SURE).max_by_key(|(share, _)| *share).map(|(_, kind)| kind.unfit)
}

fn fits(kind: &Kind, line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(|line| (kind.fits)(line.trim_end()))
}

/// libpcap's magic number in either byte order and resolution, and pcapng's.
fn is_capture(sample: &[u8]) -> bool {
    const MAGIC: [[u8; 4]; 5] = [
        [0xd4, 0xc3, 0xb2, 0xa1],
        [0xa1, 0xb2, 0xc3, 0xd4],
        [0x4d, 0x3c, 0xb2, 0xa1],
        [0xa1, 0xb2, 0x3c, 0x4d],
        [0x0a, 0x0d, 0x0d, 0x0a],
    ];
    MAGIC.iter().any(|magic| sample.starts_with(magic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_that_cannot_serve_are_known() {
        for (line, what) in [
            (
                "Jun  8 14:34:33 gw kernel: [1.2] IN=eth0 OUT=eth1 MAC=00 SRC=10.0.0.5 DST=198.51.100.7 LEN=40 PROTO=TCP SPT=8 DPT=9",
                "kernel",
            ),
            (
                "Sep 28 10:38:09 fw filterlog: 53,,,1000000301,em0,match,block,in,4,0x0,,64,420,0,none,6,tcp,460,10.0.2.2,10.0.2.15,5,2,4",
                "pf",
            ),
            (
                "2 111122223333 eni-0aaa 10.0.1.5 198.51.100.7 40012 443 6 12 3980 1760000000 1760000043 ACCEPT OK",
                "VPC",
            ),
            ("{\"SourceIP\":\"10.4.0.7\",\"NatGatewayIP\":\"203.0.113.9\"}", "Azure"),
            (
                "firewall,info drop input: in:ether1 out:(unknown 0), connection-state:new proto UDP, 1.2.3.4:5->6.7.8.9:53, len 65",
                "RouterOS",
            ),
            ("tcp 203.0.113.9:1024 10.0.0.5:4000 198.51.100.7:80 198.51.100.7:80", "table"),
            (
                "NAT from inside:192.0.2.150 to outside:198.51.100.252\nflags s idle 0:01:37 timeout 0:00:00\n",
                "table",
            ),
            (
                "    [NEW] tcp 6 120 SYN_SENT src=10.0.0.5 dst=1.2.3.4 sport=1 dport=2 [UNREPLIED] src=1.2.3.4 dst=10.0.0.5 sport=2 dport=1 id=7",
                "without their times",
            ),
        ] {
            let found = unfit(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
            assert!(found.what.contains(what), "{line}: {}", found.what);
        }
        assert!(unfit(b"\xd4\xc3\xb2\xa1\x02\0\x04\0").is_some_and(|unfit| unfit.what.contains("capture")));
        for line in [
            "",
            "hello",
            "[1.2] [NEW] tcp 6 src=10.0.0.5 dst=1.2.3.4 sport=1 dport=2 src=1.2.3.4 dst=10.0.0.5 sport=2 dport=1",
        ] {
            assert_eq!(unfit(line.as_bytes()), None, "{line}");
        }
    }
}
