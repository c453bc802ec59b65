//! What of an object store's error people are shown.

use std::error::Error;

/// What went wrong, from the innermost cause: what is around it repeats it.
///
/// A server's answer is cut down to its code and its message: what else it has may be the request, signed.
pub(super) fn told(error: &dyn Error) -> String {
    let mut causes = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        causes.retain(|outer| !outer.contains(&text));
        causes.push(text);
        cause = error.source();
    }
    causes.iter().map(|cause| without_body(cause)).collect::<Vec<_>>().join(": ")
}

fn without_body(text: &str) -> String {
    let Some(begins) = text.find('<') else { return text.to_owned() };
    let member = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>")).map(|(value, _)| value)
    };
    let said: Vec<&str> = [member("Code"), member("Message")].into_iter().flatten().collect();
    let before = text[..begins].trim_end_matches([' ', ':', '\n']);
    if said.is_empty() { before.to_owned() } else { format!("{before}: {}", said.join(": ")) }
}

#[cfg(test)]
mod tests {
    use super::{told, without_body};
    use std::io;

    #[test]
    fn a_signed_request_is_not_repeated() {
        let answer = "Server returned non-2xx status code: 403 Forbidden: <?xml version=\"1.0\"?>\
                      <Error><Code>SignatureDoesNotMatch</Code><Message>It does not match.</Message>\
                      <StringToSign>AWS4-HMAC-SHA256</StringToSign></Error>";
        let shown =
            "Server returned non-2xx status code: 403 Forbidden: SignatureDoesNotMatch: It does not match.";
        assert_eq!(without_body(answer), shown);
        assert_eq!(without_body("503: <html>busy</html>"), "503");
    }

    #[test]
    fn the_innermost_cause_is_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("Generic error: {0}")]
        struct Outer(#[source] io::Error);
        assert_eq!(told(&Outer(io::Error::other("refused"))), "refused");
    }
}
