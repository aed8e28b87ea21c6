//! Credentials for other systems: a closed list of kinds, each with fields of its own.

mod check;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;
use zeroize::Zeroizing;

pub(super) use check::unanswered;
pub use check::{Checked, check, client};

/// A secret part of a credential. It never shows itself.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// The secret.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Hidden {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// A credential.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Credential {
    /// A Git host, over https. Sources of providers name it as their secret.
    Git {
        /// The host, and no other, that it is sent to: `git.example.org`, or with a port.
        host: String,
        /// The user's name; tokens mostly take any.
        #[serde(default = "any_user")]
        username: String,
        /// A repository on the host to try it with, as `platform/providers.git`.
        #[serde(default)]
        repository: Option<String>,
        /// The password or token.
        password: Hidden,
    },
    /// A registry of images.
    Registry {
        /// `registry.example.org`, or with a port.
        host: String,
        /// The user's name.
        username: String,
        /// The password or token.
        password: Hidden,
    },
    /// An account at Amazon Web Services, or at who speaks their protocol.
    Aws {
        /// As `eu-central-1`.
        region: String,
        /// The key's id.
        access_key_id: String,
        /// The key.
        secret_access_key: Hidden,
    },
    /// A service account at Google Cloud.
    Gcp {
        /// Its key, the JSON file as it was given out.
        key: Hidden,
    },
    /// An application registered at Azure.
    Azure {
        /// The tenant.
        tenant_id: String,
        /// The application.
        client_id: String,
        /// Its secret.
        client_secret: Hidden,
    },
    /// An incoming webhook of a chat: Slack, Mattermost, Teams.
    Chat {
        /// The URL, which is the secret.
        url: Hidden,
    },
}

fn any_user() -> String {
    "git".to_owned()
}

impl Credential {
    /// The kinds there are.
    pub const KINDS: [&'static str; 6] = ["git", "registry", "aws", "gcp", "azure", "chat"];

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Git { .. } => "git",
            Self::Registry { .. } => "registry",
            Self::Aws { .. } => "aws",
            Self::Gcp { .. } => "gcp",
            Self::Azure { .. } => "azure",
            Self::Chat { .. } => "chat",
        }
    }

    /// From its kind, its settings and its secret, as they are stored apart.
    ///
    /// # Errors
    /// When they are none of this list.
    pub fn of_parts(kind: &str, settings: &Value, secret: &str) -> Result<Self, String> {
        let mut whole = settings.as_object().cloned().unwrap_or_default();
        whole.insert("kind".into(), kind.into());
        let secret: Map<String, Value> =
            serde_json::from_str(secret).map_err(|_| "its secret part is no object".to_owned())?;
        whole.extend(secret);
        Self::deserialize(Value::Object(whole)).map_err(|error| error.to_string())
    }

    /// What is no secret about it.
    #[must_use]
    pub fn settings(&self) -> Value {
        match self {
            Self::Git { host, username, repository, .. } => {
                json!({"host": host, "username": username, "repository": repository})
            }
            Self::Registry { host, username, .. } => json!({"host": host, "username": username}),
            Self::Aws { region, access_key_id, .. } => json!({"region": region, "access_key_id": access_key_id}),
            Self::Azure { tenant_id, client_id, .. } => json!({"tenant_id": tenant_id, "client_id": client_id}),
            Self::Gcp { .. } | Self::Chat { .. } => json!({}),
        }
    }

    /// What is: a JSON object, to be sealed.
    #[must_use]
    pub fn secret(&self) -> Zeroizing<String> {
        let (name, hidden) = match self {
            Self::Git { password, .. } | Self::Registry { password, .. } => ("password", password),
            Self::Aws { secret_access_key, .. } => ("secret_access_key", secret_access_key),
            Self::Gcp { key } => ("key", key),
            Self::Azure { client_secret, .. } => ("client_secret", client_secret),
            Self::Chat { url } => ("url", url),
        };
        Zeroizing::new(json!({ name: hidden.reveal() }).to_string())
    }

    /// Whether its fields can be what they should.
    ///
    /// # Errors
    /// The field that cannot, and why. Never its value, if it is secret.
    pub fn validate(&self) -> Result<(), String> {
        let plain = |name: &str, text: &str, most: usize| {
            let legal = !text.is_empty() && text.len() <= most && !text.chars().any(|c| c.is_control());
            if legal { Ok(()) } else { Err(format!("{name}: 1 to {most} letters, and no line breaks")) }
        };
        let secret = |name: &str, text: &Hidden| plain(name, text.reveal(), 16 * 1024);
        let host = |text: &str| {
            let url = Url::parse(&format!("https://{text}/")).ok();
            let same = url.and_then(|url| {
                Some(
                    url.path() == "/"
                        && url.query().is_none()
                        && url.username().is_empty()
                        && url.host_str()?.len() <= 253,
                )
            });
            let legal = text.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c));
            if same == Some(true) && legal {
                Ok(())
            } else {
                Err("host: as 'git.example.org', or with ':port'".to_owned())
            }
        };
        match self {
            Self::Git { host: name, username, repository, password } => {
                host(name)?;
                plain("username", username, 256)?;
                if username.contains(':') {
                    return Err("username: it cannot hold ':'".to_owned());
                }
                let legal = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
                if repository.as_ref().is_some_and(|path| {
                    path.is_empty() || path.len() > 512 || !path.chars().all(legal) || path.contains("..")
                }) {
                    return Err("repository: a path on the host, as 'platform/providers.git'".to_owned());
                }
                secret("password", password)
            }
            Self::Registry { host: name, username, password } => {
                host(name)?;
                plain("username", username, 256)?;
                if username.contains(':') {
                    return Err("username: it cannot hold ':'".to_owned());
                }
                secret("password", password)
            }
            Self::Aws { region, access_key_id, secret_access_key } => {
                plain("region", region, 64)?;
                if !(16..=128).contains(&access_key_id.len())
                    || !access_key_id.chars().all(|c| c.is_ascii_alphanumeric())
                {
                    return Err("access_key_id: 16 to 128 letters and digits, as 'AKIA…'".to_owned());
                }
                secret("secret_access_key", secret_access_key)
            }
            Self::Gcp { key } => {
                let file: Value = serde_json::from_str(key.reveal()).map_err(|_| "key: it is no JSON".to_owned())?;
                let text = |name: &str| file.get(name).and_then(Value::as_str).unwrap_or_default();
                if text("type") != "service_account"
                    || !text("client_email").contains('@')
                    || !text("private_key").contains("PRIVATE KEY")
                {
                    return Err("key: it is no key of a service account: 'type', 'client_email' and 'private_key' are not as they should be".to_owned());
                }
                Ok(())
            }
            Self::Azure { tenant_id, client_id, client_secret } => {
                for (name, id) in [("tenant_id", tenant_id), ("client_id", client_id)] {
                    uuid::Uuid::try_parse(id).map_err(|_| format!("{name}: it is no id like 6b1f…-…"))?;
                }
                secret("client_secret", client_secret)
            }
            Self::Chat { url } => {
                let legal = Url::parse(url.reveal()).is_ok_and(|url| {
                    url.scheme() == "https" && url.has_host() && url.username().is_empty() && url.path().len() > 1
                });
                if legal {
                    Ok(())
                } else {
                    Err("url: the https address that the chat gave out for an incoming webhook".to_owned())
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Credential, String> {
        let credential: Credential = serde_json::from_str(text).map_err(|error| error.to_string())?;
        credential.validate().map(|()| credential)
    }

    #[test]
    fn a_credential_is_stored_in_two_parts_and_shows_its_secret_in_neither() {
        let git = read(r#"{"kind": "git", "host": "git.example.org:8443", "password": "hunter2"}"#).unwrap();
        assert_eq!(git.settings(), json!({"host": "git.example.org:8443", "username": "git", "repository": null}));
        assert!(!format!("{git:?}").contains("hunter2"));
        assert_eq!(Credential::of_parts(git.kind(), &git.settings(), &git.secret()).unwrap(), git);
        assert!(Credential::of_parts("ftp", &json!({}), "{}").is_err());
    }

    #[test]
    fn what_cannot_be_right_is_refused_by_field_and_without_the_secret() {
        for (text, field) in [
            (r#"{"kind": "git", "host": "git.example.org/x", "password": "hunter2"}"#, "host"),
            (r#"{"kind": "git", "host": "u@git.example.org", "password": "hunter2"}"#, "host"),
            (r#"{"kind": "git", "host": "g.example", "repository": "../x", "password": "hunter2"}"#, "repository"),
            (r#"{"kind": "git", "host": "g.example", "username": "a:b", "password": "hunter2"}"#, "username"),
            (r#"{"kind": "registry", "host": "r.example", "username": "a", "password": "hunter2\nx: y"}"#, "password"),
            (
                r#"{"kind": "aws", "region": "x", "access_key_id": "short", "secret_access_key": "hunter2"}"#,
                "access_key_id",
            ),
            (r#"{"kind": "gcp", "key": "{\"type\": \"hunter2\"}"}"#, "key"),
            (r#"{"kind": "azure", "tenant_id": "x", "client_id": "y", "client_secret": "hunter2"}"#, "tenant_id"),
            (r#"{"kind": "chat", "url": "http://hooks.example/hunter2"}"#, "url"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.starts_with(&format!("{field}: ")) && !error.contains("hunter2"), "{text}: {error}");
        }
        assert!(
            read(r#"{"kind": "git", "host": "g.example", "password": "x", "port": 1}"#)
                .unwrap_err()
                .contains("unknown field")
        );
    }
}
