use crate::{Format, Guess, Hints, Names, Record, detect};
use std::sync::Arc;
use unmasq_model::Endpoint;

const JSON: &str = r#"{"ClientAddr":"203.0.113.77:39496","ClientHost":"192.0.2.9","DownstreamStatus":200,"Duration":5357313555,"OriginStatus":200,"RequestAddr":"shop.example.com","RequestMethod":"GET","RequestPath":"/cart","RetryAttempts":0,"ServiceName":"shop@docker","ServiceURL":"http://app-1:8080","StartUTC":"2026-03-01T10:00:43.587782192Z"}"#;
const CLF: &str = r#"203.0.113.77 - - [01/Mar/2026:10:00:43 +0000] "GET /cart HTTP/1.1" 200 414 "-" "curl/8.5.0" 500 "shop@docker" "http://10.3.0.3:80" 12ms"#;

fn read(line: &str, names: Names) -> Option<Record> {
    let hints = Hints { names: Arc::new(names), ..Hints::default() };
    let mut out = Vec::new();
    Format::Traefik.decoder(&hints).unwrap().decode(line.as_bytes(), &mut out).ok()?;
    out.pop()
}

#[test]
fn the_peer_is_the_client_whatever_a_header_says() {
    let record = read(JSON, Names::default()).unwrap();
    assert_eq!(record.translation.remote.unwrap().to_string(), "203.0.113.77:39496");
    assert!(!record.request.unwrap().client_claimed);
    assert!(read(CLF, Names::default()).unwrap().request.unwrap().client_claimed, "CLF writes the header's");
}

#[test]
fn a_name_is_looked_up_and_else_kept() {
    let unknown = read(JSON, Names::default()).unwrap();
    assert_eq!(unknown.translation.inside, None);
    assert_eq!(unknown.request.unwrap().tries[0].server.as_deref(), Some("shop@docker/app-1:8080"));
    let at = Endpoint::new([10, 3, 0, 7].into(), Some(8080));
    let servers = [(("shop@docker".into(), "app-1:8080".into()), at)].into();
    let known = read(JSON, Names { servers, ..Names::default() }).unwrap();
    assert_eq!(known.translation.inside, Some(at));
}

#[test]
fn the_time_is_no_users_name() {
    let named = CLF.replace("- - [", "- x] [01/Jan/2000:00:00:00 +0000] [");
    assert_eq!(read(&named, Names::default()), read(CLF, Names::default()));
}

#[test]
fn a_quotation_mark_in_any_header_spoils_a_line_of_clf() {
    for (at, sent) in
        [("/cart", "/\""), ("curl/8.5.0", "a\" \"b"), ("curl/8.5.0", "\\\""), ("- - [", "- \" [")]
    {
        assert_eq!(read(&CLF.replacen(at, sent, 1), Names::default()), None, "{sent}");
    }
}

#[test]
fn a_log_is_known_by_its_lines() {
    for line in [JSON, CLF] {
        assert_eq!(detect(line.as_bytes()), [Guess { format: Format::Traefik, percent: 100 }]);
    }
    let combined = CLF.split(" 500 ").next().unwrap();
    assert!(
        detect(combined.as_bytes()).iter().all(|guess| guess.format != Format::Traefik),
        "that is nginx's"
    );
}
