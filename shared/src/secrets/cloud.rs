//! What the clouds have in common: requests with bounds that are tried again where that may help, logins that last a while,
//! and references to secrets that are JSON.

mod kept;

use std::{
    borrow::Cow,
    path::Path,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

pub(super) use self::kept::Kept;
use super::{SecretError, envelope::DataKey};
use crate::{
    config::SecretSource,
    outgoing::{Answer, Client, HeaderMap, Method, OutgoingError, Policy, StatusCode, Url, header},
};

/// Bytes that an answer may have.
const ANSWER: usize = 512 * 1024;
/// Times that one thing is asked for.
const TRIES: u32 = 4;
/// Before the second try; twice as long before each further one, and up to half of that longer by chance.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

/// Reads a variable of the environment.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Why a cloud did not do as asked. Texts are the cloud's own words.
pub(super) enum Failure {
    /// It does not know who asks, or no longer.
    Login(String),
    /// Whoever asks may not.
    Denied(String),
    /// There is no such thing.
    Missing(String),
    /// It is not as it would have to be.
    Unfit(String),
    /// There is no answer that says more.
    Other(SecretError),
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Self::Other(error)
    }
}

/// A request that can be made again.
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) url: &'a Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// An answer's status and body; the body is wiped when it is dropped.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Reply {
    /// The body as JSON of this form.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// Speaks HTTP to a cloud.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client,
    timeout: Duration,
}

impl Http {
    /// `timeout_s` is for an answer with everything that is tried again for it.
    ///
    /// # Errors
    /// When there are no certificates to trust.
    pub(super) fn new(ca_file: Option<&Path>, timeout_s: u64) -> Result<Self, String> {
        let timeout = Duration::from_secs(timeout_s.clamp(1, 60));
        let client = Client::new(Policy::any(), ca_file, timeout, ANSWER).map_err(|error| error.to_string())?;
        Ok(Self { client, timeout })
    }

    /// The answer to a request, which is made anew for each try. Tried again with growing pauses while there is none, and while
    /// `again` gives a reason to.
    ///
    /// # Errors
    /// When there is no other answer in time. `who` begins the text.
    pub(super) async fn send<'a>(
        &self,
        who: &str,
        make: impl Fn() -> Result<Request<'a>, SecretError>,
        again: impl Fn(&Reply) -> Option<String>,
    ) -> Result<Reply, SecretError> {
        let until = Instant::now() + self.timeout;
        let mut pause = FIRST_PAUSE;
        let mut tries = 0;
        loop {
            let Request { method, url, headers, body } = make()?;
            let left = until.saturating_duration_since(Instant::now());
            let sent = tokio::time::timeout(left, self.client.send(method, url, headers, body)).await;
            let asked_for = |answer: &Answer| {
                let seconds = answer.headers.get(header::RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
                Some(Duration::from_secs(seconds))
            };
            let (why, wait) = match sent.unwrap_or(Err(OutgoingError::TimedOut(self.timeout))) {
                Ok(answer) if answer.cut => (format!("its answer has more than {ANSWER} bytes"), None),
                Ok(answer) => {
                    let wait = asked_for(&answer);
                    // Taken over, not copied: nobody else holds these bytes.
                    let reply = Reply { status: answer.status, body: Zeroizing::new(Vec::from(answer.body)) };
                    match again(&reply) {
                        None => return Ok(reply),
                        Some(why) => (why, wait),
                    }
                }
                Err(error) => (error.to_string(), None),
            };
            tries += 1;
            let wait = wait.unwrap_or_else(|| pause.mul_f64(1.0 + rand::random::<f64>() / 2.0));
            // Whoever answers may ask for more time than there is.
            let in_time = Instant::now().checked_add(wait).is_some_and(|then| then < until);
            if tries == TRIES || !in_time {
                return Err(SecretError::Unavailable(format!("{who}: {why}")));
            }
            tokio::time::sleep(wait).await;
            pause *= 2;
        }
    }
}

/// Bytes to send, wiped when they have been sent.
pub(super) fn wiped(body: Vec<u8>) -> Bytes {
    Bytes::from_owner(Zeroizing::new(body))
}

/// The status, and the cloud's own words where there are any.
pub(super) fn said(status: StatusCode, code: &str, message: &str) -> String {
    let words = [code, message].into_iter().map(str::trim).filter(|words| !words.is_empty());
    let words: Vec<&str> = words.collect();
    let text = if words.is_empty() { status.to_string() } else { words.join(": ") };
    // One line, of a length that a log can bear.
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect()
}

/// Why another try of the same may help, by the status alone.
pub(super) fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS || status == StatusCode::REQUEST_TIMEOUT
}

/// An address of the configuration.
///
/// # Errors
/// When it is none, or whoever listens could read what is sent there.
pub(super) fn endpoint(name: &str, text: &str) -> Result<Url, String> {
    let url = plain_endpoint(name, text)?;
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() != "https" && !local {
        return Err(format!("'{name}' must be https, not '{text}': whoever listens could read secrets and the login"));
    }
    Ok(url)
}

/// The same for a machine's own metadata service, which speaks plain HTTP.
///
/// # Errors
/// When it is no address.
pub(super) fn plain_endpoint(name: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim_end_matches('/')).ok().filter(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    url.ok_or_else(|| format!("'{name}' is an address as https://host, not '{text}'"))
}

/// The address of something below an endpoint. `path` begins with a slash and is made of [parts](super::vault::is_part).
///
/// # Errors
/// When the path cannot be part of an address.
pub(super) fn below(endpoint: &Url, path: &str) -> Result<Url, SecretError> {
    let text = format!("{}{path}", endpoint.as_str().trim_end_matches('/'));
    Url::parse(&text).map_err(|error| SecretError::Refused(format!("'{path}' cannot be part of an address: {error}")))
}

/// What a cloud is logged in to with, which has to be at hand.
///
/// # Errors
/// When others keep it.
pub(super) fn local<'a>(name: &str, source: Option<&'a SecretSource>) -> Result<Option<&'a SecretSource>, String> {
    match source {
        Some(source) if !source.is_local() => {
            Err(format!("'{name}' is in a file or a variable: what others keep cannot be read before the login"))
        }
        source => Ok(source),
    }
}

/// Something that is logged in with, as it is now.
///
/// # Errors
/// When it cannot be read. It may be about to be written, so another try may help.
pub(super) fn read(what: &str, source: &SecretSource) -> Result<Zeroizing<String>, SecretError> {
    let read = source.read().map(Zeroizing::new);
    read.map_err(|why| SecretError::Unavailable(format!("{what}: {why}")))
}

/// A secret's reference in two: where it is, and the field of its JSON, if one is named.
///
/// # Errors
/// When the field is none.
pub(super) fn field(reference: &str) -> Result<(&str, Option<&str>), String> {
    match reference.split_once('#') {
        None => Ok((reference, None)),
        Some((_, name)) if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) => {
            Err("behind '#' goes the name of a field of the secret's JSON".to_owned())
        }
        Some((place, name)) => Ok((place, Some(name))),
    }
}

/// The secret itself, or a field of it. `what` is how messages call it.
///
/// # Errors
/// When it is empty, or has no such field.
pub(super) fn pick(
    what: &str,
    value: Zeroizing<String>,
    field: Option<&str>,
) -> Result<Zeroizing<String>, SecretError> {
    let refused = |why: Cow<'_, str>| SecretError::Refused(format!("{what} {why}"));
    let Some(field) = field else {
        return if value.is_empty() { Err(refused("is empty".into())) } else { Ok(value) };
    };
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&value)
        .map_err(|_| refused(format!("is no JSON object, so it has no field '{field}'").into()))?;
    match object.get(field) {
        Some(serde_json::Value::String(text)) if text.is_empty() => {
            Err(refused(format!("has an empty field '{field}'").into()))
        }
        Some(serde_json::Value::String(text)) => Ok(Zeroizing::new(text.clone())),
        Some(serde_json::Value::Null) | None => Err(refused(format!("has no field '{field}'").into())),
        Some(other) => Ok(Zeroizing::new(other.to_string())),
    }
}

/// Text out of base64.
///
/// # Errors
/// When it is no text.
pub(super) fn text(what: &str, base64: &str) -> Result<Zeroizing<String>, SecretError> {
    let bytes = BASE64_STANDARD.decode(base64).map(Zeroizing::new);
    let text =
        bytes.ok().and_then(|bytes| std::str::from_utf8(&bytes).map(|text| Zeroizing::new(text.to_owned())).ok());
    text.ok_or_else(|| SecretError::Refused(format!("{what} is no text in UTF-8")))
}

/// A data key out of its bytes.
///
/// # Errors
/// When they are none.
pub(super) fn data_key(what: &str, bytes: &[u8]) -> Result<DataKey, SecretError> {
    DataKey::from_bytes(bytes)
        .map_err(|why| SecretError::Unopened { what: format!("a data key in {what}'s answer"), why })
}

/// A template with `{team}` in it, for one team. The name stays what it is: letters, digits and hyphens.
///
/// # Errors
/// When the team's name has others.
pub(super) fn for_team(template: &str, team: &str) -> Result<String, String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if team.is_empty() || team.len() > 63 || !team.chars().all(legal) {
        return Err(format!("the team's name '{team}' has others than lower-case letters, digits and '-'"));
    }
    Ok(template.replacen("{team}", team, 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_taken_out_of_json_and_what_is_not_there_is_said() {
        let of = |value: &str, field: Option<&str>| {
            pick("the secret 'db'", Zeroizing::new(value.to_owned()), field)
                .map(|value| value.to_string())
                .map_err(|error| error.to_string())
        };
        assert_eq!(of("plain", None), Ok("plain".into()));
        assert_eq!(of("{\"a\": \"b\", \"port\": 5432}", Some("a")), Ok("b".into()));
        assert_eq!(of("{\"port\": 5432}", Some("port")), Ok("5432".into()));
        assert_eq!(of("", None), Err("the secret 'db' is empty".into()));
        assert_eq!(of("{}", Some("a")), Err("the secret 'db' has no field 'a'".into()));
        assert_eq!(of("{\"a\": \"\"}", Some("a")), Err("the secret 'db' has an empty field 'a'".into()));
        assert_eq!(of("hunter2", Some("a")), Err("the secret 'db' is no JSON object, so it has no field 'a'".into()));
        assert_eq!(field("db#a"), Ok(("db", Some("a"))));
        assert!(field("db#").is_err());
    }

    #[test]
    fn an_address_that_others_could_listen_at_is_refused() {
        assert_eq!(endpoint("kms", "https://kms.example.org/").unwrap().as_str(), "https://kms.example.org/");
        assert!(endpoint("kms", "http://127.0.0.1:5000").is_ok());
        assert!(endpoint("kms", "http://kms.example.org").unwrap_err().contains("must be https"));
        for wrong in ["", "kms", "ftp://x", "https://a:b@kms.example.org", "https://x/?a=b"] {
            assert!(endpoint("kms", wrong).unwrap_err().starts_with("'kms' is an address"), "{wrong}");
        }
        let base = endpoint("kms", "https://x.example.org/base/").unwrap();
        assert_eq!(below(&base, "/v1/a:encrypt").unwrap().as_str(), "https://x.example.org/base/v1/a:encrypt");
    }

    #[test]
    fn a_teams_name_stays_one_part_of_what_it_is_put_into() {
        assert_eq!(for_team("https://kv-{team}.vault.azure.net", "shop"), Ok("https://kv-shop.vault.azure.net".into()));
        for team in ["", "a.b", "a/b", "evil.example.org#", "A"] {
            assert!(for_team("https://kv-{team}.x", team).is_err(), "{team}");
        }
    }
}
