//! Logs to measure with: made up, but of the shapes that real ones have, and the same in every run.

use jiff::tz::TimeZone;
use std::fmt::Write;
use unmasq_decode::{Decoder, Format, Hints};

/// The lines of a log, as decoders get them: without their ends.
pub(crate) fn lines_of(log: &[u8]) -> Vec<&[u8]> {
    log.strip_suffix(b"\n").unwrap_or(log).split(|&byte| byte == b'\n').collect()
}

/// A decoder of a log, and the lines of which it makes records: all but a header, which it has read.
///
/// # Panics
/// When there is a line that it cannot read.
pub(crate) fn readable<'l>(
    format: Format,
    layout: Option<&str>,
    log: &'l [u8],
) -> (Box<dyn Decoder>, Vec<&'l [u8]>) {
    let hints = Hints {
        zone: Some(TimeZone::UTC),
        written: Some("2026-11-22T12:00:00Z".parse().unwrap()),
        layout: layout.map(Into::into),
        ..Hints::default()
    };
    let mut decoder = format.decoder(&hints).unwrap();
    let (mut lines, mut records) = (lines_of(log), Vec::new());
    lines.retain(|line| {
        records.clear();
        decoder.decode(line, &mut records).unwrap_or_else(|why| panic!("{why}"));
        !records.is_empty()
    });
    (decoder, lines)
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn port(&mut self) -> u64 {
        1_024 + self.roll(64_000)
    }

    fn address(&mut self, network: &str) -> String {
        format!("{network}.{}.{}", self.roll(256), 1 + self.roll(254))
    }
}

/// What every log of this file begins at.
const START: u64 = 1_795_345_000;

/// One line for each of `count` rolls.
fn log(count: usize, mut line: impl FnMut(usize, &mut Dice) -> String) -> Vec<u8> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut log = String::new();
    for at in 0..count {
        log += &line(at, &mut dice);
        log.push('\n');
    }
    log.into_bytes()
}

/// The fields of one NAT session, and whether each is a text where numbers are written as such.
fn nat_fields(dice: &mut Dice) -> Vec<(&'static str, String, bool)> {
    let gateway = dice.roll(4);
    let start = START + dice.roll(600);
    vec![
        ("instance", format!("ngw-d73a9a3d941e7e{gateway:02}"), true),
        ("vpc_id", format!("vpc-db44ff32b9abb6{gateway:02}"), true),
        ("protocol", ["6", "17"][usize::from(dice.roll(8) == 0)].into(), false),
        ("pri_ip", dice.address("10.0"), true),
        ("pri_port", dice.port().to_string(), false),
        ("pub_ip", dice.address("198.18"), true),
        ("pub_port", ["443", "80", "8080"][usize::try_from(dice.roll(3)).unwrap()].into(), false),
        ("nat_ip", dice.address("47.2"), true),
        ("nat_port", dice.port().to_string(), false),
        ("bytes_from_pub", dice.roll(1_000_000).to_string(), false),
        ("pkts_from_pub", dice.roll(1_000).to_string(), false),
        ("bytes_from_vpc", dice.roll(100_000).to_string(), false),
        ("pkts_from_vpc", dice.roll(500).to_string(), false),
        ("start_time", start.to_string(), false),
        ("end_time", (start + dice.roll(30)).to_string(), false),
    ]
}

fn object(fields: &[(&'static str, String, bool)]) -> String {
    let mut line = String::from("{");
    for (name, value, is_text) in fields {
        let comma = if line.len() > 1 { "," } else { "" };
        let quote = if *is_text { "\"" } else { "" };
        let _ = write!(line, "{comma}\"{name}\":{quote}{value}{quote}");
    }
    line + "}"
}

pub(crate) fn nat_json(count: usize) -> Vec<u8> {
    log(count, |_, dice| object(&nat_fields(dice)))
}

/// Every line has its members in an order of its own.
pub(crate) fn nat_json_shuffled(count: usize) -> Vec<u8> {
    log(count, |_, dice| {
        let mut fields = nat_fields(dice);
        for at in (1..fields.len()).rev() {
            fields.swap(at, usize::try_from(dice.roll(at as u64 + 1)).unwrap());
        }
        object(&fields)
    })
}

/// Every value a text, between the log service's own members.
pub(crate) fn nat_json_texts(count: usize) -> Vec<u8> {
    log(count, |_, dice| {
        let mut fields = vec![
            ("__time__", START.to_string(), false),
            ("__topic__", String::new(), true),
            ("__source__", "log_service".to_owned(), true),
            ("__tag__:__receive_time__", START.to_string(), true),
        ];
        fields.extend(nat_fields(dice).into_iter().map(|(name, value, _)| (name, value, true)));
        object(&fields)
    })
}

pub(crate) fn nat_csv(count: usize) -> Vec<u8> {
    let names: Vec<_> = nat_fields(&mut Dice(1)).into_iter().map(|(name, ..)| name).collect();
    let row = |dice: &mut Dice| {
        nat_fields(dice).into_iter().map(|(_, value, _)| value).collect::<Vec<_>>().join(",")
    };
    let rows = log(count, |_, dice| row(dice));
    [names.join(",").as_bytes(), b"\n", &rows].concat()
}

pub(crate) fn conntrack(count: usize) -> Vec<u8> {
    log(count, |at, dice| {
        let (inside, outside, remote) = (dice.address("10.0"), dice.address("203.0"), dice.address("198.51"));
        let (sport, dport) = (dice.port(), dice.port());
        let (kind, life, unreplied) = match at % 4 {
            0 => ("   [NEW]", "120 SYN_SENT ", "[UNREPLIED] "),
            1 => ("[UPDATE]", "60 SYN_RECV ", ""),
            2 => ("[UPDATE]", "432000 ESTABLISHED ", ""),
            _ => ("[DESTROY]", "", ""),
        };
        format!(
            "[{}.{:06}]\t {kind} ipv4     2 tcp      6 {life}src={inside} dst={remote} sport={sport} dport=80 {unreplied}src={remote} dst={outside} sport=80 dport={dport} {}id={}",
            START + at as u64 / 100,
            dice.roll(1_000_000),
            if at % 4 > 1 { "[ASSURED] " } else { "" },
            dice.roll(1 << 32),
        )
    })
}

const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

pub(crate) fn haproxy(count: usize) -> Vec<u8> {
    log(count, |_, dice| {
        let (client, port) = (dice.address("192.0"), dice.port());
        let (second, milli, lasted) = (dice.roll(60), dice.roll(1_000), dice.roll(900));
        format!(
            "Nov 22 10:57:{second:02} lb haproxy[18759]: {client}:{port} [22/Nov/2026:10:57:{second:02}.{milli:03}] fe_web be_web/s{} 0/0/0/{lasted}/{lasted} 200 {} - - ---- {}/1/0/0/0 0/0 \"GET /v2/list?page={} HTTP/1.1\"",
            1 + dice.roll(4),
            dice.roll(100_000),
            dice.roll(100),
            dice.roll(1_000),
        )
    })
}

pub(crate) fn nginx_combined(count: usize) -> Vec<u8> {
    log(count, |_, dice| {
        format!(
            "{} - - [22/Nov/2026:10:58:{:02} +0000] \"GET /shop/item/{} HTTP/1.1\" 200 {} \"https://shop.example/\" \"{AGENT}\"",
            dice.address("192.0"),
            dice.roll(60),
            dice.roll(10_000),
            dice.roll(100_000),
        )
    })
}

/// A `log_format` with everything that a trace can use.
pub(crate) const NGINX_UPSTREAMS: &str = r#"$remote_addr:$remote_port [$time_local] $msec c=$connection/$connection_requests "$request" $status $body_bytes_sent vip=$server_addr:$server_port up="$upstream_addr" ust="$upstream_status" uct="$upstream_connect_time" rt=$request_time "$http_user_agent""#;

pub(crate) fn nginx_upstreams(count: usize) -> Vec<u8> {
    log(count, |at, dice| {
        let second = dice.roll(60);
        format!(
            "{}:{} [22/Nov/2026:10:58:{second:02} +0000] {}.{:03} c={at}/1 \"GET /search?q={} HTTP/1.1\" 200 {} vip=203.0.113.101:80 up=\"10.0.0.{}:9000\" ust=\"200\" uct=\"0.000\" rt=0.{:03} \"{AGENT}\"",
            dice.address("192.0"),
            dice.port(),
            START + second,
            dice.roll(1_000),
            dice.roll(100_000),
            dice.roll(100_000),
            1 + dice.roll(20),
            dice.roll(1_000),
        )
    })
}

pub(crate) fn alb_json(count: usize) -> Vec<u8> {
    log(count, |_, dice| {
        let text = |name, value: String| (name, value, true);
        let (client, backend) = (dice.address("198.18"), format!("{}:8080", dice.address("10.20")));
        let milli = dice.roll(1_000);
        object(&[
            ("__time__", START.to_string(), false),
            text("__topic__", "alb_layer7_access_log".into()),
            text("__source__", "log_service".into()),
            text("__tag__:__receive_time__", START.to_string()),
            text("app_lb_id", "alb-demo-web".into()),
            text("vip_addr", "203.0.113.50".into()),
            text("slb_vport", "443".into()),
            text("scheme", "https".into()),
            text("server_protocol", "HTTP/1.1".into()),
            text("client_ip", client),
            text("client_port", dice.port().to_string()),
            text("host", "shop.example.com".into()),
            text("http_host", "shop.example.com".into()),
            text("http_referer", "-".into()),
            text("http_user_agent", AGENT.into()),
            text("http_x_forwarded_for", "-".into()),
            text("http_x_real_ip", "-".into()),
            text("request_method", "GET".into()),
            text("request_uri", format!("/item/{}", dice.roll(10_000))),
            text("request_length", dice.roll(2_000).to_string()),
            text("body_bytes_sent", dice.roll(100_000).to_string()),
            text("read_request_time", "1".into()),
            text("request_time", format!("0.{milli:03}")),
            text("upstream_addr", backend),
            text("upstream_status", "200".into()),
            text("upstream_response_time", format!("0.{milli:03}")),
            text("write_response_time", "0".into()),
            text("status", "200".into()),
            text("ssl_protocol", "TLSv1.2".into()),
            text("ssl_cipher", "ECDHE-RSA-AES128-GCM-SHA256".into()),
            text("tcpinfo_rtt", dice.roll(100_000).to_string()),
            text("slb_xtrace", String::new()),
            text("time", format!("2026-11-22T10:58:{:02}Z", dice.roll(60))),
        ])
    })
}

/// Alerts without application data.
pub(crate) fn eve(count: usize) -> Vec<u8> {
    log(count, |at, dice| {
        format!(
            r#"{{"timestamp":"2026-11-22T10:58:{:02}.{:06}+0000","flow_id":{},"in_iface":"mirror0","event_type":"alert","src_ip":"{}","src_port":{},"dest_ip":"{}","dest_port":443,"proto":"TCP","alert":{{"action":"allowed","gid":1,"signature_id":{},"rev":3,"signature":"GPL ATTACK_RESPONSE id check returned root","category":"Potentially Bad Traffic","severity":3}},"flow":{{"pkts_toserver":7,"pkts_toclient":5,"bytes_toserver":1213,"bytes_toclient":3991}}}}"#,
            dice.roll(60),
            dice.roll(1_000_000),
            at + 1,
            dice.address("47.2"),
            dice.port(),
            dice.address("198.18"),
            2_100_000 + dice.roll(1_000),
        )
    })
}

/// Alerts about a request, as a recent Suricata writes them.
pub(crate) fn eve_http(count: usize) -> Vec<u8> {
    log(count, |_, dice| {
        let (src, port, dest) = (dice.address("203.0"), dice.port(), dice.address("198.18"));
        let second = dice.roll(60);
        format!(
            r#"{{"timestamp":"2026-11-22T10:57:{second:02}.310113+0000","flow_id":{},"pcap_cnt":{},"event_type":"alert","src_ip":"{src}","src_port":{port},"dest_ip":"{dest}","dest_port":80,"proto":"TCP","ip_v":4,"pkt_src":"wire/pcap","tx_id":0,"alert":{{"action":"allowed","gid":1,"signature_id":9000001,"rev":2,"signature":"LAB C2 beacon request to gate.php","category":"Malware Command and Control Activity Detected","severity":1,"metadata":{{"attack_target":["Client_Endpoint"],"mitre_tactic_id":["TA0011"],"mitre_tactic_name":["Command_And_Control"],"mitre_technique_id":["T1071.001"]}}}},"ts_progress":"request_complete","tc_progress":"response_complete","http":{{"hostname":"cdn.bad.example","url":"/gate.php?id={:08x}","http_user_agent":"Mozilla/4.0 (compatible; MSIE 6.0; Win32)","http_content_type":"text/plain","http_method":"GET","protocol":"HTTP/1.1","status":200,"length":2}},"app_proto":"http","direction":"to_server","flow":{{"pkts_toserver":4,"pkts_toclient":3,"bytes_toserver":451,"bytes_toclient":303,"start":"2026-11-22T10:57:{second:02}.308850+0000","src_ip":"{src}","dest_ip":"{dest}","src_port":{port},"dest_port":80}}}}"#,
            200_000_000_000_000 + dice.roll(1 << 40),
            dice.roll(100_000),
            dice.roll(1 << 32),
        )
    })
}
