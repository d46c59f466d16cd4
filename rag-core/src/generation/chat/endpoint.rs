//! Where a server is, and the key to it.

use crate::error::{Error, Result};
use std::fmt;
use ureq::http::Uri;
use ureq::http::uri::{PathAndQuery, Scheme};

/// A text that is never shown: `Debug` shows nothing of it, and there is no `Display`.
///
/// ```
/// use rag_core::generation::Secret;
/// let key = Secret::new("sk-canary")?;
/// assert_eq!(format!("{key:?}"), "Secret");
/// assert!(!Secret::new("two\nlines").unwrap_err().to_string().contains("lines"));
/// # Ok::<(), rag_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A key as servers know it.
    ///
    /// Errors: `InvalidArgument` unless it is of visible ASCII characters, which is all that a header can hold.
    pub fn new(key: impl Into<String>) -> Result<Self> {
        let key = key.into();
        if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::invalid(
                "api_key must be of visible ASCII characters without spaces, got something else; give the key alone",
            ));
        }
        Ok(Self(key))
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A server's address.
pub(super) struct Endpoint {
    /// As messages show it: without what may be secret, since nothing of that is allowed in it.
    pub shown: String,
    /// Where answers are asked for.
    pub chat: Uri,
    /// Where it is asked whether it is there.
    pub models: Uri,
}

impl Endpoint {
    /// Reads the address `number` from 1, such as `http://host:8000/v1`.
    pub fn parse(address: &str, number: usize) -> Result<Self> {
        Self::read(address).ok_or_else(|| {
            // An address that is none may hold anything, so it is not repeated.
            Error::invalid(format!(
                "endpoints must be addresses such as http://host:8000/v1 or https://host/v1, without user, password \
                 or query; number {number} is something else"
            ))
        })
    }

    fn read(address: &str) -> Option<Self> {
        let base = address.trim_end_matches('/');
        let base = base.strip_suffix("/chat/completions").unwrap_or(base);
        let base = base.trim_end_matches('/');
        let uri: Uri = base.parse().ok()?;
        let (scheme, authority) = (uri.scheme()?, uri.authority()?);
        let known = *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
        let plain = !authority.as_str().contains('@') && !base.contains(['?', '#']);
        // A port that is no number is otherwise taken for none.
        let after = authority.as_str().rsplit(']').next()?;
        let port = !after.contains(':') || authority.port_u16().is_some();
        if !known || !plain || !port || authority.host().trim_matches(['[', ']']).is_empty() {
            return None;
        }
        let path = uri.path().trim_end_matches('/');
        let below = |name: &str| {
            let path: PathAndQuery = format!("{path}/{name}").parse().ok()?;
            Uri::builder()
                .scheme(scheme.clone())
                .authority(authority.clone())
                .path_and_query(path)
                .build()
                .ok()
        };
        Some(Self {
            shown: format!("{scheme}://{authority}{path}"),
            chat: below("chat/completions")?,
            models: below("models")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_others_are_not_repeated() {
        for (address, shown, chat) in [
            ("http://a/v1", "http://a/v1", "http://a/v1/chat/completions"),
            (
                "https://a.b:8443/v1//",
                "https://a.b:8443/v1",
                "https://a.b:8443/v1/chat/completions",
            ),
            (
                "http://[::1]:80",
                "http://[::1]:80",
                "http://[::1]:80/chat/completions",
            ),
            (
                "http://a/v1/chat/completions",
                "http://a/v1",
                "http://a/v1/chat/completions",
            ),
            (
                "HTTP://A/x/openai/",
                "http://A/x/openai",
                "http://A/x/openai/chat/completions",
            ),
        ] {
            let read = Endpoint::parse(address, 1).unwrap();
            assert_eq!((&*read.shown, &*read.chat.to_string()), (shown, chat));
            assert!(read.models.path().ends_with("/models"));
        }
        for address in [
            "",
            "canary",
            "canary:80",
            "/canary",
            "ftp://canary/v1",
            "http://",
            "http:///canary",
            "http://u:canary@h/v1",
            "http://h/v1?key=canary",
            "http://h/v1#canary",
            "http://h:canary/v1",
            "http://h:99999/canary",
            "http://h/can ary",
            "http://h/\ncanary",
            "http://:80/canary",
            "http://[]/canary",
        ] {
            let error = Endpoint::parse(address, 7).map(|e| e.shown).unwrap_err();
            assert!(error.message().contains("number 7"), "{address}: {error}");
            assert!(!error.message().contains("canary"), "{error}");
        }
    }
}
