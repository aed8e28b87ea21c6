//! Azure's login, metadata service and Key Vault as their documentation has them, for one test: who logs in, tokens, versions of
//! the interface and of keys are checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use shared::secrets::DataKey;
use tests::receiver::{Received, Receiver};

use crate::secrets::{gcp::google::form, sources::answer};

pub(crate) const TENANT: &str = "8a4f0a55-7c0b-4f0e-9a0c-2b1f3c1d5e6f";
pub(crate) const CLIENT: &str = "0b6d0e5e-97f7-4f4a-8bb1-bf0f0e2d4a11";
pub(crate) const SECRET: &str = "what the client proves itself with";
pub(crate) const PROOF: &str = "a pod's token";
const VERSION: &str = "78deebed173b48e48f55abf87ed4cf71";

/// What the services know.
#[derive(Default)]
pub(crate) struct Known {
    /// Versions of the key `slipway`, the last one current.
    pub(crate) versions: Vec<(String, Option<DataKey>)>,
    /// Tokens that are good.
    pub(crate) tokens: BTreeSet<String>,
    /// How many were given out.
    pub(crate) logins: usize,
    /// How many of the next requests are refused for their number.
    pub(crate) throttled: usize,
}

/// All of them, at one address.
pub(crate) struct AzureCloud {
    pub(crate) url: String,
    pub(crate) known: Arc<Mutex<Known>>,
    pub(crate) receiver: Receiver,
}

impl AzureCloud {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let known = Known { versions: vec![(VERSION.into(), Some(DataKey::generate()))], ..Known::default() };
        let known = Arc::new(Mutex::new(known));
        let own = known.clone();
        let receiver = Receiver::start(move |_, request| own.lock().unwrap().serve(request)).await?;
        Ok(Self { url: format!("http://{}", receiver.address), known, receiver })
    }
}

impl Known {
    fn serve(&mut self, request: &Received) -> String {
        let mut words = request.line.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let query = form(query.as_bytes());
        let version = query.get("api-version").map(String::as_str).unwrap_or_default();
        if path == format!("/{TENANT}/oauth2/v2.0/token") {
            return self.log_in(&form(&request.body));
        }
        if path == "/metadata/identity/oauth2/token" {
            let asked = (request.header("metadata"), version, query.get("resource").map(String::as_str));
            return match asked {
                ("true", "2018-02-01", Some("https://vault.azure.net")) => self.token(&json!("3599")),
                _ => answer(
                    400,
                    &json!({"error": "invalid_request", "error_description": "Required metadata header not specified"}),
                ),
            };
        }
        let token = request.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        if !self.tokens.contains(token) {
            return refused(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.");
        }
        if self.throttled > 0 {
            self.throttled -= 1;
            return refused(429, "Throttled", "Request was not processed because too many requests were received.");
        }
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (method, &parts[..]) {
            _ if version != "7.4" => refused(400, "BadParameter", "The specified version is not recognised."),
            ("POST", ["keys", "slipway", "", "wrapkey"]) => self.wrap(request),
            ("POST", ["keys", "slipway", version, "unwrapkey"]) => self.unwrap(version, &request.json()),
            ("POST", ["keys", "of-others", ..]) | ("GET", ["secrets", "hidden", ..]) => {
                refused(403, "Forbidden", "Caller is not authorized to perform action on resource.")
            }
            ("POST", ["keys", name, ..]) => {
                refused(404, "KeyNotFound", &format!("A key with (name/id) {name} was not found in this key vault."))
            }
            ("GET", ["secrets", "db", ""]) => secret("{\"password\": \"hunter2\"}"),
            ("GET", ["secrets", "db", "0f3"]) => secret("old"),
            ("GET", ["bank", "secrets", "token", ""]) => secret("of the bank"),
            _ => refused(404, "SecretNotFound", "A secret with (name/id) was not found in this key vault."),
        }
    }

    fn log_in(&mut self, form: &BTreeMap<String, String>) -> String {
        let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let asked = (text("grant_type"), text("client_id"), text("scope"));
        let scopes = ["https://vault.azure.net/.default", "https://management.azure.com/.default"];
        if (asked.0, asked.1) != ("client_credentials", CLIENT) || !scopes.contains(&asked.2) {
            return answer(
                400,
                &json!({"error": "invalid_request", "error_description": format!("AADSTS900144: {asked:?}")}),
            );
        }
        let jwt = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let proven = text("client_secret") == SECRET
            || text("client_assertion_type") == jwt && text("client_assertion") == PROOF;
        if proven {
            return self.token(&json!(3599));
        }
        let why = "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\nTimestamp: 2026";
        answer(401, &json!({"error": "invalid_client", "error_description": why, "error_codes": [7_000_215]}))
    }

    fn token(&mut self, expires_in: &Value) -> String {
        self.logins += 1;
        let token = format!("eyJ0.{}", self.logins);
        self.tokens.insert(token.clone());
        answer(200, &json!({"token_type": "Bearer", "expires_in": expires_in, "access_token": token}))
    }

    /// What a vault's RSA key wraps is bound to nothing but the key.
    fn wrap(&self, request: &Received) -> String {
        let ask = request.json();
        let plain = ask["value"].as_str().and_then(|value| BASE64_URL_SAFE_NO_PAD.decode(value).ok());
        let (Some(plain), Some((version, Some(key))), "RSA-OAEP-256") =
            (plain, self.versions.last(), ask["alg"].as_str().unwrap_or_default())
        else {
            return refused(400, "BadParameter", "The parameter is incorrect.");
        };
        let kid = format!("http://{}/keys/slipway/{version}", request.header("host"));
        answer(200, &json!({"kid": kid, "value": BASE64_URL_SAFE_NO_PAD.encode(key.seal(&plain, b""))}))
    }

    fn unwrap(&self, version: &str, ask: &Value) -> String {
        let found = self.versions.iter().find(|(name, _)| name == version);
        let sealed = ask["value"].as_str().and_then(|value| BASE64_URL_SAFE_NO_PAD.decode(value).ok());
        match (found, sealed, ask["alg"].as_str()) {
            (Some((_, None)), ..) => refused(403, "Forbidden", "Operation unwrapKey is not allowed on a disabled key."),
            (Some((_, Some(key))), Some(sealed), Some("RSA-OAEP-256")) => match key.open(&sealed, b"") {
                Ok(plain) => answer(200, &json!({"kid": version, "value": BASE64_URL_SAFE_NO_PAD.encode(&plain)})),
                Err(_) => refused(400, "BadParameter", "The parameter is incorrect."),
            },
            (None, ..) => refused(404, "KeyNotFound", "A key with (name/id) slipway was not found in this key vault."),
            _ => refused(400, "BadParameter", "The parameter is incorrect."),
        }
    }
}

fn secret(value: &str) -> String {
    answer(
        200,
        &json!({"value": value, "id": "https://acme.vault.azure.net/secrets/x/1", "attributes": {"enabled": true}}),
    )
}

fn refused(status: u16, code: &str, message: &str) -> String {
    answer(status, &json!({"error": {"code": code, "message": message}}))
}
