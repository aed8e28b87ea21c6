//! The cookie that holds a session's token.

use axum::http::{HeaderMap, HeaderValue, header};
use shared::config::{Config, Environment};

/// How the cookie is called and sent.
///
/// The `__Host-` prefix has browsers refuse it unless it is `Secure`, for the whole site and for this host alone, so that
/// neither a page over plain http nor a neighbouring subdomain can plant one. Some browsers never take a `Secure` cookie over
/// plain http, not even from their own machine; so an installation for development that listens there alone uses another
/// name, without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cookie {
    name: &'static str,
    secure: bool,
}

impl Cookie {
    pub(super) fn of(config: &Config) -> Self {
        let public = config.api.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
        let https = public || config.api.tls.is_some();
        let local = super::listens_on_loopback(&config.api.listen) && !https;
        if config.environment == Environment::Development && local {
            Self { name: "slipway-dev", secure: false }
        } else {
            Self { name: "__Host-slipway", secure: true }
        }
    }

    /// Whether it is sent over https only.
    pub(super) const fn is_secure(self) -> bool {
        self.secure
    }

    /// The token in a request's cookies. Two cookies of the name are none: one of them was planted.
    pub(super) fn read(self, headers: &HeaderMap) -> Option<&str> {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let mut ours = pairs.filter(|(name, _)| *name == self.name).map(|(_, token)| token);
        let token = ours.next()?;
        ours.next().is_none().then_some(token)
    }

    /// The header that gives a browser its token. Without an age: it is gone when the browser is closed, and the session is
    /// over when the server says so.
    pub(super) fn set(self, token: &str) -> Option<HeaderValue> {
        self.header(token, "")
    }

    /// The header that takes it away.
    pub(super) fn clear(self) -> Option<HeaderValue> {
        self.header("", "; Max-Age=0")
    }

    fn header(self, token: &str, more: &str) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        let value = format!("{}={token}; Path=/; HttpOnly; SameSite=Lax{secure}{more}", self.name);
        // Tokens are base64url: no other character can be in it.
        HeaderValue::from_str(&value).ok()
    }
}

#[cfg(test)]
mod tests {
    use shared::config::ServerTls;

    use super::*;

    fn cookie(environment: Environment, listen: &str) -> Cookie {
        let mut config = Config { environment, ..Config::default() };
        config.api.listen = listen.into();
        Cookie::of(&config)
    }

    #[test]
    fn only_development_on_this_machine_alone_goes_without_secure() {
        let dev = cookie(Environment::Development, "127.0.0.1:8080");
        assert_eq!(dev.set("t").unwrap(), "slipway-dev=t; Path=/; HttpOnly; SameSite=Lax");
        for (environment, listen) in [
            (Environment::Production, "127.0.0.1:8080"),
            (Environment::Development, "0.0.0.0:8080"),
            (Environment::Development, "[::]:8080"),
        ] {
            let cookie = cookie(environment, listen);
            assert_eq!(cookie.set("t").unwrap(), "__Host-slipway=t; Path=/; HttpOnly; SameSite=Lax; Secure");
            assert_eq!(cookie.clear().unwrap(), "__Host-slipway=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0");
        }
    }

    #[test]
    fn where_the_api_speaks_tls_itself_development_goes_with_secure_too() {
        let mut config = Config { environment: Environment::Development, ..Config::default() };
        let tls = ServerTls { cert: "c".into(), key: "k".into(), client_ca: None };
        config.api.tls = Some(tls);
        assert!(Cookie::of(&config).is_secure());
    }

    #[test]
    fn of_two_cookies_of_the_name_neither_counts() {
        let cookie = cookie(Environment::Production, "0.0.0.0:1");
        let read = |value: &'static str| {
            let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static(value))]);
            cookie.read(&headers).map(str::to_owned)
        };
        assert_eq!(read("a=b; __Host-slipway=t"), Some("t".into()));
        assert_eq!(read("__Host-slipway=t; __Host-slipway=u"), None);
        assert_eq!(read("slipway-dev=t"), None);
    }
}
