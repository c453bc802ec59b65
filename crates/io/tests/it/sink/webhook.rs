//! Webhooks that answer, refuse, hang, hang up, restart and lie.

use super::{SHORT, certificate, is_timeout, message, messages, tell_all, with};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, crypto::ring::default_provider, pki_types::PrivateKeyDer,
};
use std::{collections::BTreeSet, fs, net::TcpListener, sync::Arc, time::Duration};
use unmasq_io::sink::{Place, Secret, Sink, SinkError, Webhook};
use unmasq_testkit::receiver::{Receiver, Reply, Request, Script};

const TOKEN: &str = "t0ps3cret";

fn webhook(receiver: &Receiver) -> Webhook {
    let hook = Webhook::new(&format!("http://{}/in?key=hidden", receiver.address)).unwrap();
    with(hook.with_token(Secret::Plain(TOKEN.into())).unwrap(), |hook| {
        (hook.timeout, hook.messages) = (SHORT, 3);
    })
}

fn open(webhook: Webhook) -> Box<dyn Sink> {
    Place::Webhook(webhook).open("siem").unwrap()
}

fn started() -> Receiver {
    Receiver::start(0, &Arc::new(Script::default())).unwrap()
}

fn lines(sequences: std::ops::RangeInclusive<u64>) -> Vec<String> {
    sequences.map(|sequence| format!("{{\"n\":{sequence}}}")).collect()
}

fn keys(requests: &[Request]) -> Vec<&str> {
    requests.iter().map(|request| request.header("idempotency-key").unwrap()).collect()
}

#[test]
fn a_batch_is_a_request_with_a_key_of_its_own() {
    let receiver = started();
    let hook = webhook(&receiver).with_header("X-Tenant", Secret::Plain("a".into())).unwrap();
    assert!(tell_all(&mut *open(hook), &messages(1..=7)).is_empty());
    assert_eq!(receiver.script.lines(), lines(1..=7));
    let requests = receiver.script.requests();
    let bodies: Vec<usize> = requests.iter().map(|request| request.body.lines().count()).collect();
    assert_eq!(bodies, [3, 3, 1]);
    for (request, key) in requests.iter().zip(["\"siem-1-3-", "\"siem-4-6-", "\"siem-7-7-"]) {
        assert!(request.head.starts_with("POST /in?key=hidden HTTP/1.1\r\n"), "{}", request.head);
        assert_eq!(request.header("authorization").unwrap(), format!("Bearer {TOKEN}"));
        assert_eq!(request.header("x-tenant"), Some("a"));
        assert_eq!(request.header("content-type"), Some("application/x-ndjson"));
        assert!(request.header("idempotency-key").unwrap().starts_with(key), "{}", request.head);
        assert!(request.body.ends_with('\n'));
    }
}

#[test]
fn bytes_bound_a_batch_and_a_long_message_goes_alone() {
    let receiver = started();
    let long = "x".repeat(200);
    let all = [message(1, "a"), message(2, "b"), message(3, &long), message(4, "c")];
    tell_all(&mut *open(with(webhook(&receiver), |hook| hook.bytes = 100)), &all);
    let bodies: Vec<String> = receiver.script.requests().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies, ["a\nb\n".into(), format!("{long}\n"), "c\n".into()]);
}

#[test]
fn whatever_it_answers_nothing_is_lost_and_the_order_stays() {
    let receiver = started();
    let script = &receiver.script;
    script.then([
        Reply::status(500),
        Reply::Take,
        Reply::HangUp,
        Reply::TakeAndHangUp,
        Reply::Hang(3 * SHORT),
        Reply::status(429),
        Reply::status(400),
        Reply::Answer(302, "location: http://127.0.0.1:1/\r\n".into(), String::new()),
    ]);
    let failures = tell_all(&mut *open(webhook(&receiver)), &messages(1..=9));
    assert_eq!(failures.len(), 7, "{failures:?}");
    // One was taken twice, for its answer was lost: with the same key both times.
    let expected = [lines(1..=3), lines(4..=6), lines(4..=6), lines(7..=9)].concat();
    assert_eq!(script.lines(), expected);
    let requests = script.requests();
    let distinct: BTreeSet<&str> = keys(&requests).into_iter().collect();
    assert_eq!(distinct.len(), 3, "{:?}", keys(&requests));
    for key in distinct {
        let same: BTreeSet<&str> = requests
            .iter()
            .filter(|request| request.header("idempotency-key") == Some(key))
            .map(|request| request.body.as_str())
            .collect();
        assert_eq!(same.len(), 1, "one key, one body");
    }
}

#[test]
fn one_that_is_away_and_comes_back_is_told_everything() {
    let script = Arc::new(Script::default());
    let receiver = Receiver::start(0, &script).unwrap();
    let (port, hook) = (receiver.address.port(), webhook(&receiver));
    let mut sink = open(hook);
    tell_all(&mut *sink, &messages(1..=3));
    drop(receiver);
    for _ in 0..3 {
        let error = sink.tell(&messages(4..=6)).unwrap_err();
        assert!(matches!(error, SinkError::Send(_)) && !error.is_refusal(), "{error:?}");
    }
    let _receiver = Receiver::start(port, &script).unwrap();
    tell_all(&mut *sink, &messages(4..=9));
    assert_eq!(script.lines(), lines(1..=9));
}

#[test]
fn one_that_hangs_is_left_after_its_time() {
    let receiver = started();
    receiver.script.then([Reply::Hang(Duration::from_secs(20))]);
    let error = open(webhook(&receiver)).tell(&messages(1..=1)).unwrap_err();
    assert!(is_timeout(&error), "{error:?}");
    // So is one that takes no request at all.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = Webhook::new(&format!("http://{}", silent.local_addr().unwrap())).unwrap();
    let error = open(with(hook, |hook| hook.timeout = SHORT)).tell(&messages(1..=1)).unwrap_err();
    assert!(is_timeout(&error), "{error:?}");
}

#[test]
fn a_batch_that_is_too_much_is_halved() {
    let receiver = started();
    receiver.script.then([413, 413].map(Reply::status));
    let hook = with(webhook(&receiver), |hook| hook.messages = 8);
    let mut sink = open(hook);
    assert!(tell_all(&mut *sink, &messages(1..=4)).is_empty());
    let lengths = || -> Vec<usize> {
        receiver.script.requests().iter().map(|request| request.body.lines().count()).collect()
    };
    assert_eq!(lengths(), [4, 2, 1, 1, 1, 1]);
    receiver.script.then([Reply::status(413)]);
    let error = sink.tell(&messages(5..=6)).unwrap_err();
    assert!(error.is_refusal(), "one message cannot be halved: {error:?}");
}

#[test]
fn it_may_say_when() {
    let receiver = started();
    let date = "date: Sun, 22 Nov 2026 10:00:00 GMT\r\n";
    receiver.script.then([
        Reply::Answer(429, "retry-after: 7\r\n".into(), String::new()),
        Reply::Answer(503, format!("{date}retry-after: Sun, 22 Nov 2026 10:01:30 GMT\r\n"), String::new()),
        Reply::Answer(503, format!("{date}retry-after: Sun, 22 Nov 2026 09:00:00 GMT\r\n"), String::new()),
        Reply::Answer(503, "retry-after: soon\r\n".into(), String::new()),
    ]);
    let failures = tell_all(&mut *open(webhook(&receiver)), &messages(1..=1));
    let pauses: Vec<u64> = failures.iter().map(|error| error.pause(1).as_secs()).collect();
    assert_eq!(pauses, [7, 90, 1, 1]);
}

#[test]
fn nobody_sees_a_secret() {
    let receiver = started();
    let echo = format!("who is\n\u{7}{TOKEN}? {}", "x".repeat(100_000));
    receiver.script.then([Reply::Answer(401, String::new(), echo)]);
    let hook = webhook(&receiver);
    let place = Place::Webhook(hook.clone());
    let error = open(hook).tell(&messages(1..=1)).unwrap_err();
    let said = format!("{error} {error:?} {place:?} {}", place.name());
    assert!(said.contains("the answer was 401: who is ***? xxx"), "{said}");
    assert!(!said.contains(TOKEN) && !said.contains("hidden") && said.len() < 2_000, "{said}");
    assert_eq!(place.name(), format!("webhook:http://{}", receiver.address));
}

#[test]
fn a_secret_may_change_while_it_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = started();
    let path = folder.path().join("token");
    let hook = Webhook::new(&format!("http://{}", receiver.address)).unwrap();
    let hook = hook.with_token(Secret::written("file:token", folder.path())).unwrap();
    let missing = Place::Webhook(hook.clone()).open("siem").err().unwrap().to_string();
    assert!(missing.contains("cannot read the secret out of") && missing.contains("token"), "{missing}");
    fs::write(&path, "one\n").unwrap();
    let mut sink = open(hook);
    tell_all(&mut *sink, &messages(1..=1));
    fs::write(&path, "two\n").unwrap();
    tell_all(&mut *sink, &messages(2..=2));
    fs::write(&path, "th\nree\n").unwrap();
    let error = sink.tell(&messages(3..=3)).unwrap_err().to_string();
    assert!(error.contains("no header can hold it") && !error.contains("ree"), "{error}");
    let requests = receiver.script.requests();
    let sent: Vec<_> = requests.iter().filter_map(|request| request.header("authorization")).collect();
    assert_eq!(sent, ["Bearer one", "Bearer two"]);
}

#[test]
fn over_tls_the_receiver_must_be_who_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let made = certificate(folder.path());
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = Arc::new(config.with_single_cert(vec![made.cert.der().clone()], key).unwrap());
    let script = Arc::new(Script::default());
    let serve = Arc::clone(&script);
    let receiver = Receiver::start_with(0, Arc::clone(&script), move |stream| {
        let server = ServerConnection::new(Arc::clone(&config)).unwrap();
        let _ = serve.serve(StreamOwned::new(server, stream));
    });
    let port = receiver.as_ref().unwrap().address.port();
    let hook = |host: &str, ca: Option<&str>| {
        let ca = ca.map(|file| folder.path().join(file));
        with(Webhook::new(&format!("https://{host}:{port}/")).unwrap(), |hook| hook.ca = ca)
    };
    assert!(tell_all(&mut *open(hook("localhost", Some("cert.pem"))), &messages(1..=2)).is_empty());
    assert_eq!(script.lines(), lines(1..=2));
    // Nobody whom the system believes vouches for it, and its certificate is for another name.
    for hook in [hook("localhost", None), hook("127.0.0.1", Some("cert.pem"))] {
        match Place::Webhook(hook).open("siem").and_then(|mut sink| sink.tell(&messages(3..=3))) {
            Err(SinkError::Send(error)) => assert!(error.to_string().contains("certificate"), "{error}"),
            Err(SinkError::NoRoots) => {}
            other => panic!("{other:?}"),
        }
    }
    for (file, why) in [("none.pem", "cannot use"), ("key.pem", "there is no certificate in it")] {
        let error = Place::Webhook(hook("localhost", Some(file))).open("siem").err().unwrap().to_string();
        assert!(error.contains(why), "{error}");
    }
    assert_eq!(script.lines().len(), 2, "who is not believed is told nothing");
}

#[test]
fn what_is_no_webhook_is_said_without_repeating_it() {
    let secret = || Secret::Plain("x".into());
    for (url, why) in [
        ("siem.example.net/in", "it is no address"),
        ("ftp://siem.example.net", "not http:// or https://"),
        ("https://key@siem.example.net", "a name or a password stands in it"),
        ("https://", "it is no address"),
        ("https://siem.example.net:99999/", "its port"),
        ("https://siem example/", "it is no address"),
    ] {
        let error = Webhook::new(url).unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("siem"), "{url}: {error}");
    }
    let plain = Webhook::new("http://siem.example.net/").unwrap();
    assert!(plain.with_token(secret()).unwrap_err().to_string().contains("write https://"));
    let hook = || Webhook::new("https://siem.example.net/").unwrap();
    assert!(hook().with_header("a b", secret()).is_err());
    assert!(hook().with_header("Idempotency-Key", secret()).is_err());
    let twice = hook().with_token(secret()).unwrap().with_header("authorization", secret());
    assert!(twice.unwrap_err().to_string().contains("twice"));
    assert!(Webhook::new("http://[::1]:80/").unwrap().with_token(secret()).is_ok());
}
