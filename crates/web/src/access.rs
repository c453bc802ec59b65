//! Who may ask: tokens, of which only hashes are known here.

use crate::{problem::Problem, scope::Scope};
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, fmt, net::IpAddr, sync::Arc};
use subtle::ConstantTimeEq;

/// What somebody may do. A writer hands over and does not read; of the others, each may do what those before it may.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Hands over batches, and nothing else.
    Writer,
    /// Reads.
    Viewer,
    /// Turns switches and begins backfills.
    Operator,
    /// Reads who did what.
    Admin,
}

/// Somebody who may ask, known by a secret that is not kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    name: String,
    role: Role,
    hash: [u8; 32],
    /// Of which accounts it may see anything; `None` is all.
    accounts: Option<Arc<BTreeSet<String>>>,
}

impl Token {
    /// The token of which that is the SHA-256, as 64 hexadecimal digits.
    ///
    /// # Errors
    /// When it is no SHA-256; it says what helps.
    pub fn new(name: String, role: Role, sha256: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`sha256` of the token `{name}` is not 64 hexadecimal digits: `unmasq config token` prints them"
            )
        };
        let digits = sha256.as_bytes();
        let mut hash = [0; 32];
        if digits.len() != 2 * hash.len() {
            return Err(wrong());
        }
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |place: usize| char::from(pair[place]).to_digit(16);
            let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(wrong()) };
            *byte = u8::try_from(16 * high + low).map_err(|_| wrong())?;
        }
        Ok(Self { name, role, hash, accounts: None })
    }

    /// The same for whoever may see only what concerns these accounts.
    #[must_use]
    pub fn for_accounts(self, accounts: BTreeSet<String>) -> Self {
        Self { accounts: Some(Arc::new(accounts)), ..self }
    }

    /// Whose it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the configuration has of a secret: its SHA-256, in hexadecimal digits.
    #[must_use]
    pub fn sha256_of(secret: &str) -> String {
        hash(secret).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Without its hash, so that logs have nothing of it.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, role, .. } = self;
        f.debug_struct("Token").field("name", name).field("role", role).finish_non_exhaustive()
    }
}

fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Whoever asks, by the name of the token; nothing where none is needed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Who {
    pub(crate) name: String,
    /// What they may see.
    pub(crate) scope: Scope,
}

/// What a path wants to know of whoever asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// Nothing: it tells nothing of the site.
    Anybody,
    /// Nothing, as long as only this machine can ask; else that they may read.
    Neighbours,
    /// That they may do that.
    Role(Role),
    /// That they are to hand over batches.
    Writers,
}

impl Access {
    /// Lets somebody in, or says why not. `is_local` is whether only this machine can ask.
    ///
    /// # Errors
    /// When a token is needed and there is none, or another; or a page of strangers asks through a browser.
    pub(crate) fn check(self, tokens: &[Token], is_local: bool, headers: &HeaderMap) -> Result<Who, Problem> {
        let nobody = || Who { name: String::new(), scope: Scope::Everything };
        let needed = match self {
            Self::Anybody => return Ok(nobody()),
            Self::Neighbours if is_local => return named_as_here(headers).map(|()| nobody()),
            Self::Neighbours => Role::Viewer,
            Self::Writers if tokens.is_empty() => {
                return Err(Problem::forbidden(
                    "nothing is taken without a token: `unmasq config token` makes one, to be given the role `writer`",
                ));
            }
            Self::Writers => Role::Writer,
            Self::Role(Role::Viewer) if tokens.is_empty() => {
                return named_as_here(headers).map(|()| nobody());
            }
            // What is done must be known to have been somebody's act.
            Self::Role(_) if tokens.is_empty() => {
                return Err(Problem::forbidden(
                    "without tokens everything is only read: `unmasq config token` makes one, to be given the role `operator`",
                ));
            }
            Self::Role(role) => role,
        };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, secret) = given.and_then(|given| given.split_once(' ')).unwrap_or_default();
        let given = hash(secret.trim());
        // All of them are compared, so that the time tells nothing.
        let mut found = None;
        for token in tokens {
            if bool::from(token.hash.ct_eq(&given)) {
                found = Some(token);
            }
        }
        match found.filter(|_| scheme.eq_ignore_ascii_case("bearer")) {
            None => Err(Problem::unknown()),
            Some(token) if self == Self::Writers && !matches!(token.role, Role::Writer | Role::Admin) => {
                Err(Problem::forbidden("this token may not do that"))
            }
            Some(token) if token.role < needed => Err(Problem::forbidden("this token may not do that")),
            Some(token) => Ok(Who { name: token.name.clone(), scope: Scope::of(&token.accounts) }),
        }
    }
}

/// Whether somebody asks under a name of this machine itself. A page of strangers, whose name suddenly means
/// 127.0.0.1, makes a browser ask under that name.
fn named_as_here(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(host) = headers.get(header::HOST) else { return Ok(()) };
    let host = host.to_str().unwrap_or_default();
    let bare = match host.strip_prefix('[') {
        Some(host) => host.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    if bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    Err(Problem::forbidden("without tokens this is only for this machine: ask for localhost or 127.0.0.1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::HeaderName::from_static(name), value.parse().unwrap())])
    }

    #[test]
    fn who_has_the_secret_may_do_what_its_role_may() {
        let token = |role, secret| Token::new(String::new(), role, &Token::sha256_of(secret)).unwrap();
        let tokens = [token(Role::Viewer, "a"), token(Role::Admin, "b")];
        let status = |access: Access, given: &str| {
            let problem = access.check(&tokens, true, &asked("authorization", given)).err()?;
            Some(problem.status())
        };
        let (read, change) = (Access::Role(Role::Viewer), Access::Role(Role::Operator));
        assert_eq!(status(read, "Bearer a"), None);
        assert_eq!(status(read, "bearer  b "), None);
        assert_eq!(status(change, "Bearer b"), None);
        assert_eq!(status(change, "Bearer a"), Some(403));
        for wrong in ["", "a", "Basic a", "Bearer", "Bearer ", "Bearer c", "Bearer aa"] {
            assert_eq!(status(read, wrong), Some(401), "{wrong}");
        }
    }

    #[test]
    fn a_stranger_s_page_does_not_ask_through_a_browser() {
        let may = |host| Access::Role(Role::Viewer).check(&[], true, &asked("host", host)).is_ok();
        assert!(
            ["localhost", "LOCALHOST:7450", "127.0.0.1:7450", "[::1]:7450", "[::1]"].into_iter().all(may)
        );
        assert!(
            !["evil.example:7450", "", "localhost.evil.example", "127.0.0.1.evil.example"]
                .into_iter()
                .any(may)
        );
    }

    #[test]
    fn a_hash_is_64_digits() {
        let token = |text: &str| Token::new("x".into(), Role::Viewer, text);
        assert!(token(&"aF".repeat(32)).is_ok());
        for wrong in ["", "ab", &"ag".repeat(32), &"+1".repeat(32), &"é".repeat(32), &"a".repeat(65)] {
            assert!(token(wrong).unwrap_err().contains("unmasq config token"), "{wrong}");
        }
    }
}
