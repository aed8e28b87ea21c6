//! Google's login, metadata server, Cloud KMS and Secret Manager as their documentation has them, for one test: signatures of
//! grants, tokens, checksums and additional data are checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
};

use anyhow::Context as _;
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ring::signature::{self, KeyPair as _};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};
use serde_json::{Value, json};
use shared::secrets::{DataKey, envelope::KEY};
use tests::receiver::{Received, Receiver};

use crate::secrets::sources::answer;

pub(crate) const EMAIL: &str = "slipway@acme-prod.iam.gserviceaccount.com";
pub(crate) const KEY_NAME: &str = "projects/acme-prod/locations/europe-west3/keyRings/slipway/cryptoKeys/secrets";
const FORBIDDEN: &str = "projects/acme-prod/locations/europe-west3/keyRings/slipway/cryptoKeys/of-others";

/// What the services know.
pub(crate) struct Known {
    /// The account's public key.
    public: Vec<u8>,
    /// What `cryptoKeys/secrets` is.
    key: DataKey,
    /// Tokens that are good.
    pub(crate) tokens: BTreeSet<String>,
    /// How many were given out.
    pub(crate) logins: usize,
    /// How many of the next requests are refused for their number.
    pub(crate) throttled: usize,
    secrets: BTreeMap<&'static str, Vec<u8>>,
}

/// All of them, at one address.
pub(crate) struct Google {
    pub(crate) url: String,
    pub(crate) known: Arc<Mutex<Known>>,
    _receiver: Receiver,
    private: String,
    folder: tempfile::TempDir,
}

impl Google {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let private = rsa_key()?;
        let known = Arc::new(Mutex::new(Known {
            public: public_key(&private)?,
            key: DataKey::from_bytes(&[7; KEY])?,
            tokens: BTreeSet::new(),
            logins: 0,
            throttled: 0,
            secrets: BTreeMap::from([
                ("projects/acme-prod/secrets/db/versions/latest", b"{\"password\": \"hunter2\"}".to_vec()),
                ("projects/acme-prod/secrets/db/versions/1", b"old".to_vec()),
                ("projects/acme-prod/secrets/binary/versions/latest", vec![0xff, 0xfe]),
                ("projects/acme-bank/secrets/token/versions/latest", b"of the bank".to_vec()),
            ]),
        }));
        let own = known.clone();
        let receiver = Receiver::start(move |_, request| own.lock().unwrap().serve(request)).await?;
        let folder = tempfile::tempdir()?;
        Ok(Self { url: format!("http://{}", receiver.address), known, _receiver: receiver, private, folder })
    }

    /// The account's key, as Google gives it out; `private` in place of its own.
    pub(crate) fn account(&self, private: Option<&str>) -> anyhow::Result<PathBuf> {
        let path = self.folder.path().join(if private.is_some() { "other.json" } else { "account.json" });
        let key = json!({
            "type": "service_account", "project_id": "acme-prod", "private_key_id": "4f1",
            "private_key": private.unwrap_or(&self.private), "client_email": EMAIL, "client_id": "1",
            "token_uri": format!("{}/token", self.url),
        });
        std::fs::write(&path, key.to_string())?;
        Ok(path)
    }
}

impl Known {
    fn serve(&mut self, request: &Received) -> String {
        let mut words = request.line.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if method == "POST" && path == "/token" {
            return match self.granted(request) {
                Ok(()) => self.token(),
                Err(why) => answer(400, &json!({"error": "invalid_grant", "error_description": why})),
            };
        }
        if path == "/computeMetadata/v1/instance/service-accounts/default/token" {
            return match request.header("metadata-flavor") {
                "Google" => self.token(),
                _ => answer(403, &json!({})),
            };
        }
        let token = request.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
        if !self.tokens.contains(token) {
            return refused(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
        }
        if self.throttled > 0 {
            self.throttled -= 1;
            return refused(429, "RESOURCE_EXHAUSTED", "Quota exceeded.");
        }
        let (name, what) = path.strip_prefix("/v1/").and_then(|path| path.rsplit_once(':')).unwrap_or_default();
        match (method, what) {
            ("POST", _) if name == FORBIDDEN => {
                let why = format!(
                    "Permission 'cloudkms.cryptoKeyVersions.useTo…' denied on resource '{name}' (or it may not exist)."
                );
                refused(403, "PERMISSION_DENIED", &why)
            }
            ("POST", "encrypt" | "decrypt") if name != KEY_NAME => {
                refused(404, "NOT_FOUND", &format!("CryptoKey {name} not found."))
            }
            ("POST", "encrypt") => self.encrypt(&request.json()).unwrap_or_else(checksums),
            ("POST", "decrypt") => self.decrypt(&request.json()).unwrap_or_else(checksums),
            ("GET", "access") => match self.secrets.get(name) {
                Some(bytes) => answer(
                    200,
                    &json!({"name": name, "payload": {
                    "data": BASE64_STANDARD.encode(bytes), "dataCrc32c": crc32c(bytes).to_string()}}),
                ),
                None if name.contains("/hidden/") => refused(
                    403,
                    "PERMISSION_DENIED",
                    &format!("Permission 'secretmanager.versions.access' denied for resource '{name}'."),
                ),
                None => refused(404, "NOT_FOUND", &format!("Secret [{name}] not found or has no versions.")),
            },
            _ => refused(404, "NOT_FOUND", "Requested entity was not found."),
        }
    }

    fn token(&mut self) -> String {
        self.logins += 1;
        let token = format!("ya29.{}", self.logins);
        self.tokens.insert(token.clone());
        answer(200, &json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}))
    }

    /// RFC 7523, as Google asks for it.
    fn granted(&self, request: &Received) -> Result<(), String> {
        let form: BTreeMap<String, String> = form(&request.body);
        let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if text("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
            return Err("no grant".into());
        }
        let (signed, proof) = text("assertion").rsplit_once('.').ok_or("no JWT")?;
        let decoded = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|error| error.to_string());
        signature::UnparsedPublicKey::new(&signature::RSA_PKCS1_2048_8192_SHA256, &self.public)
            .verify(signed.as_bytes(), &decoded(proof)?)
            .map_err(|_| "Invalid JWT Signature.")?;
        let (header, claims) = signed.split_once('.').ok_or("no JWT")?;
        let json = |part: &str| -> Result<Value, String> {
            serde_json::from_slice(&decoded(part)?).map_err(|error| error.to_string())
        };
        let (header, claims, now) = (json(header)?, json(claims)?, chrono::Utc::now().timestamp());
        let time = |name: &str| claims[name].as_i64().unwrap_or_default();
        let good = header == json!({"alg": "RS256", "typ": "JWT", "kid": "4f1"})
            && claims["iss"] == EMAIL
            && claims["scope"] == "https://www.googleapis.com/auth/cloud-platform"
            && claims["aud"] == format!("http://{}/token", request.header("host"))
            && (now - 60..=now).contains(&time("iat"))
            && time("exp") == time("iat") + 3600;
        if good { Ok(()) } else { Err(format!("the grant is not as asked for: {header} {claims}")) }
    }

    fn encrypt(&self, ask: &Value) -> Option<String> {
        let (plain, place) = (checked(ask, "plaintext")?, checked(ask, "additionalAuthenticatedData")?);
        let sealed = self.key.seal(&plain, &place);
        Some(answer(
            200,
            &json!({
                "name": format!("{KEY_NAME}/cryptoKeyVersions/1"), "ciphertext": BASE64_STANDARD.encode(&sealed),
                "ciphertextCrc32c": crc32c(&sealed).to_string(), "verifiedPlaintextCrc32c": true,
                "verifiedAdditionalAuthenticatedDataCrc32c": true, "protectionLevel": "SOFTWARE",
            }),
        ))
    }

    fn decrypt(&self, ask: &Value) -> Option<String> {
        let (sealed, place) = (checked(ask, "ciphertext")?, checked(ask, "additionalAuthenticatedData")?);
        Some(match self.key.open(&sealed, &place) {
            Ok(plain) => answer(
                200,
                &json!({
                    "plaintext": BASE64_STANDARD.encode(&plain), "plaintextCrc32c": crc32c(&plain).to_string(),
                    "usedPrimary": true, "protectionLevel": "SOFTWARE",
                }),
            ),
            Err(_) => refused(
                400,
                "INVALID_ARGUMENT",
                "Decryption failed: verify that 'name' refers to the correct CryptoKey.",
            ),
        })
    }
}

/// A field of bytes with the checksum that goes with it.
fn checked(ask: &Value, name: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_STANDARD.decode(ask[name].as_str()?).ok()?;
    (ask[format!("{name}Crc32c")].as_str() == Some(crc32c(&bytes).to_string().as_str())).then_some(bytes)
}

fn checksums() -> String {
    refused(400, "INVALID_ARGUMENT", "A checksum does not match.")
}

fn refused(status: u16, code: &str, message: &str) -> String {
    answer(status, &json!({"error": {"code": status, "message": message, "status": code}}))
}

/// CRC-32C bit by bit, as a check on the one that is used.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 })
    })
}

/// A body of `application/x-www-form-urlencoded`.
pub(crate) fn form(body: &[u8]) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://x/?{}", String::from_utf8_lossy(body)));
    url.map(|url| url.query_pairs().into_owned().collect()).unwrap_or_default()
}

/// A new RSA key in PEM.
pub(crate) fn rsa_key() -> anyhow::Result<String> {
    let made =
        Command::new("openssl").args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]).output();
    let made = made.context("openssl is not installed: the tests make RSA keys with it (apt-get install openssl)")?;
    anyhow::ensure!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    Ok(String::from_utf8(made.stdout)?)
}

fn public_key(private: &str) -> anyhow::Result<Vec<u8>> {
    let der = PrivateKeyDer::from_pem_slice(private.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
    let key = signature::RsaKeyPair::from_pkcs8(der.secret_der()).map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(key.public_key().as_ref().to_vec())
}
