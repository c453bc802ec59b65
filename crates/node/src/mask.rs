//! Secrets in cited log lines.
//!
//! A balancer's log has what clients sent: tokens in URLs, cookies, authorization headers. What we cite
//! as evidence goes to consoles and tickets, so their values are replaced by `***`. The rest of the line
//! stays as it is, an attack's own words above all. Alerts are never touched: their bytes are theirs.

use regex::Regex;
use std::{
    borrow::Cow,
    sync::{Arc, LazyLock},
};

/// Each with the part that stays in group 1; what follows it is replaced.
static SECRETS: LazyLock<[Regex; 6]> = LazyLock::new(|| {
    [
        // A parameter of a URL, or of a form.
        r#"(?i)([?&;](?:[\w.-]*(?:token|passw|passwd|pwd|secret|api[_-]?key|auth|signature|credential|jwt|sess(?:ion)?(?:_?id)?|\bsid))[\w.-]*=)[^&\s"'#;<>\\|}]+"#,
        // The password in a URL.
        r#"(://[^/\s:@"']+:)[^/\s@"']+@"#,
        // A header, or a field of that name.
        r#"(?i)((?:proxy-)?authorization["']?\s*[:=]\s*["']?)[^"'\r\n\\|}]+"#,
        r#"(?i)((?:set-)?cookie["']?\s*[:=]\s*["']?)[^"'\r\n\\|}]+"#,
        // Credentials by their scheme, and cookies by their name, wherever they stand.
        r"(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}",
        r#"(?i)\b((?:jsessionid|phpsessid|asp\.net_sessionid|connect\.sid)=)[^\s;&"'|}]+"#,
    ]
    .map(|pattern| Regex::new(pattern).expect("the patterns are tested"))
});

/// A cited line with its secrets masked.
pub(crate) fn without_secrets(line: Arc<str>) -> Arc<str> {
    match masked(&line) {
        Cow::Borrowed(_) => line,
        Cow::Owned(masked) => masked.into(),
    }
}

fn masked(line: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(line);
    for secret in &*SECRETS {
        let replacement = if secret.as_str().ends_with('@') { "$1***@" } else { "$1***" };
        if let Cow::Owned(masked) = secret.replace_all(&text, replacement) {
            text = Cow::Owned(masked);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn secrets_are_masked_and_nothing_else() {
        for (line, expected) in [
            (
                r#""GET /a?x=1&access_token=abc.def&y=2 HTTP/1.1""#,
                r#""GET /a?x=1&access_token=***&y=2 HTTP/1.1""#,
            ),
            (r#""GET /?sessionid=77 HTTP/1.1""#, r#""GET /?sessionid=*** HTTP/1.1""#),
            ("GET ftp://joe:s3cret@files.example/x", "GET ftp://joe:***@files.example/x"),
            (r#"{"http_cookie":"a=b; c=d","status":"200"}"#, r#"{"http_cookie":"***","status":"200"}"#),
            (r#"{"Authorization": "Basic am9lOng="}"#, r#"{"Authorization": "***"}"#),
            ("{Mozilla/5.0|Bearer eyJhbGciOi.J9}", "{Mozilla/5.0|Bearer ***}"),
            ("JSESSIONID=0123abcd - ----", "JSESSIONID=*** - ----"),
        ] {
            assert_eq!(super::masked(line), expected);
        }
        for line in [
            "srcip=10.2.0.7 sessionid=77 trandisp=snat",
            r#"session-id="77" elapsed-time="12""#,
            r#""GET /item?id=1+UNION+SELECT+user,pass+FROM+users-- HTTP/1.1""#,
            r#""GET /shell.jsp?cmd=whoami HTTP/1.1" "basic auth""#,
            "[NEW] tcp 6 120 SYN_SENT src=10.0.0.14 dst=198.51.100.66 id=191355002",
        ] {
            assert_eq!(super::masked(line), line);
        }
    }
}
