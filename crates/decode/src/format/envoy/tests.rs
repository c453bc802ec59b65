use crate::{Format, Guess, Hints, Record, detect};

const JSON: &str = r#"{":authority":"shop.example.com","bytes_sent":512,"downstream_local_address":"10.42.0.77:10443","downstream_remote_address":"203.0.113.77:59292","duration":11,"method":"GET","protocol":"HTTP/2","response_code":200,"response_flags":"-","start_time":"2026-03-01T10:00:40.479Z","upstream_host":"10.42.0.82:8080","upstream_local_address":"10.42.0.77:51216","x-envoy-origin-path":"/cart","x-forwarded-for":"203.0.113.77"}"#;
const TEXT: &str = r#"[2026-03-01T10:00:40.310Z] "POST /api HTTP/2" 204 - 154 0 226 100 "203.0.113.77" "curl/8.5.0" "id" "shop.example.com" "10.0.2.1:80""#;

fn read(line: &str) -> Option<Record> {
    let mut out = Vec::new();
    Format::Envoy.decoder(&Hints::default()).unwrap().decode(line.as_bytes(), &mut out).ok()?;
    out.pop()
}

/// The client of the JSON line with its address and header replaced, and whether it is a claim.
fn client(remote: &str, forwarded: &str) -> (Option<String>, bool) {
    let line = JSON.replace("203.0.113.77:59292", remote).replace("\"203.0.113.77\"", forwarded);
    let record = read(&line).unwrap();
    (record.translation.remote.map(|client| client.to_string()), record.request.unwrap().client_claimed)
}

#[test]
fn an_address_without_a_port_is_the_headers() {
    assert_eq!(client("192.0.2.9:0", "\"192.0.2.9\""), (Some("192.0.2.9".into()), true));
    assert_eq!(client("192.0.2.9", "null"), (Some("192.0.2.9".into()), true));
    assert_eq!(client("[2001:db8::9]:0", "null"), (Some("2001:db8::9".into()), true));
}

#[test]
fn an_address_with_a_port_is_the_peers_unless_the_header_has_both() {
    let peer = Some("203.0.113.77:59292".to_owned());
    assert_eq!(
        client("203.0.113.77:59292", "\"203.0.113.77\""),
        (peer.clone(), false),
        "Envoy adds its peer"
    );
    assert_eq!(client("203.0.113.77:59292", "\"192.0.2.9, 203.0.113.77:59292\""), (peer.clone(), true));
    let unlogged = read(&JSON.replace("x-forwarded-for", "x-other")).unwrap();
    assert!(unlogged.request.unwrap().client_claimed);
    let direct = JSON.replace("{", r#"{"downstream_direct_remote_address":"198.51.100.7:4000","#);
    let direct = read(&direct.replace("203.0.113.77:59292", "192.0.2.9:0")).unwrap();
    assert_eq!(direct.translation.remote.unwrap().to_string(), "198.51.100.7:4000");
    assert!(!direct.request.unwrap().client_claimed);
}

#[test]
fn envoys_own_source_is_the_inside_remote() {
    let t = read(JSON).unwrap().translation;
    assert_eq!(t.inside_remote.unwrap().to_string(), "10.42.0.77:51216");
    assert_eq!(t.outside.to_string(), "10.42.0.77:10443");
}

#[test]
fn a_pods_port_is_not_the_services() {
    let names = crate::Names { addresses: vec![[203, 0, 113, 50].into()], ..Default::default() };
    let hints = Hints { names: std::sync::Arc::new(names), ..Hints::default() };
    let mut out = Vec::new();
    Format::Envoy.decoder(&hints).unwrap().decode(JSON.as_bytes(), &mut out).unwrap();
    assert_eq!(out[0].translation.outside.to_string(), "10.42.0.77");
}

#[test]
fn a_quotation_mark_in_any_header_spoils_the_line() {
    assert!(read(TEXT).is_some());
    for at in ["/api", "203.0.113.77", "curl/8.5.0", "\"id\"", "shop.example.com"] {
        for sent in ["\"", "\" \"", "a\" \"b\" \"c\" \"10.9.9.9:80", "\" x \""] {
            let inside = at.trim_matches('"');
            assert_eq!(read(&TEXT.replacen(inside, sent, 1)), None, "{sent} in {at}");
        }
    }
}

#[test]
fn a_log_is_known_by_its_lines() {
    for line in [JSON, TEXT] {
        let wrapped = format!("2026-03-01T10:00:41Z stdout F {line}\n");
        assert_eq!(detect(wrapped.as_bytes()), [Guess { format: Format::Envoy, percent: 100 }]);
    }
    assert_eq!(detect(b"{\"start_time\":\"2026-03-01T10:00:41Z\",\"duration\":1}\n"), []);
}
