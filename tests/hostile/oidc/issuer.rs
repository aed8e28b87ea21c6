//! An OpenID provider of our own that answers whatever a test wants, and signs whatever it is told to.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, StatusCode, body::Bytes, service::service_fn};
use hyper_util::rt::TokioIo;
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use tests::{alone::Alone, visitor::Browser, visitor::Visit};
use tokio::net::TcpListener;

/// The modulus of an RSA key that nobody has: a provider publishes such a number, and whoever can read it must not be able
/// to sign with it.
pub(crate) const MODULUS: &str =
    "uVuqIsWBTZDVQyaPWg_fForibUZvqwFwATx1nd7M2iprP9TXYEry35K69AtxkL_yheDPBEvTFDCGiGo5b2HBQm8w";

/// What it answers under a path.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) after: Duration,
}

impl Reply {
    pub(crate) fn json(value: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { status: 200, headers, body: value.to_string().into_bytes(), after: Duration::ZERO }
    }
}

#[derive(Debug, Default)]
struct Shared {
    replies: BTreeMap<String, Reply>,
    asked: Vec<String>,
}

/// A running stand-in.
pub(crate) struct Issuer {
    pub(crate) url: String,
    key: EcdsaKeyPair,
    shared: Arc<Mutex<Shared>>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Issuer {
    /// One that answers as it should, but for tokens, of which it has none yet.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Mutex::new(Shared::default()));
        let server = tokio::spawn(serve(listener, shared.clone()));
        let issuer = Self { url, key: new_key(), shared, server };
        issuer.answers("/.well-known/openid-configuration", Reply::json(&issuer.document()));
        let keys =
            json!({"keys": [issuer.public_key("good"), {"kty": "RSA", "kid": "rsa", "n": MODULUS, "e": "AQAB"}]});
        issuer.answers("/jwks", Reply::json(&keys));
        issuer
    }

    /// Its discovery document.
    pub(crate) fn document(&self) -> Value {
        let at = |path: &str| format!("{}{path}", self.url);
        json!({
            "issuer": self.url,
            "authorization_endpoint": at("/auth"),
            "token_endpoint": at("/token"),
            "jwks_uri": at("/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "HS256", "none"],
        })
    }

    pub(crate) fn answers(&self, path: &str, reply: Reply) {
        self.shared.lock().unwrap().replies.insert(path.to_owned(), reply);
    }

    /// What it was asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.shared.lock().unwrap().asked.clone()
    }

    pub(crate) fn public_key(&self, kid: &str) -> Value {
        public_key(&self.key, kid)
    }

    /// A token that is signed as it should be.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        sign(&self.key, header, claims)
    }

    /// Claims that are all right for this login.
    pub(crate) fn claims(&self, login: &Begun) -> Value {
        let now = chrono::Utc::now().timestamp();
        json!({
            "iss": self.url, "aud": "slipway", "sub": "mallory", "exp": now + 300, "iat": now, "nonce": login.nonce,
            "preferred_username": "mallory", "groups": ["all"],
        })
    }

    /// Has it give this ID token for any code.
    pub(crate) fn gives(&self, token: &str) {
        let tokens = json!({"access_token": "x", "token_type": "Bearer", "expires_in": 60, "id_token": token});
        self.answers("/token", Reply::json(&tokens));
    }
}

pub(crate) fn new_key() -> EcdsaKeyPair {
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap()
}

pub(crate) fn public_key(key: &EcdsaKeyPair, kid: &str) -> Value {
    let point = key.public_key().as_ref();
    let (x, y) = (encode(&point[1..33]), encode(&point[33..]));
    json!({"kty": "EC", "crv": "P-256", "kid": kid, "use": "sig", "alg": "ES256", "x": x, "y": y})
}

pub(crate) fn sign(key: &EcdsaKeyPair, header: &Value, claims: &Value) -> String {
    let text = unsigned(header, claims);
    let signature = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
    format!("{text}.{}", encode(signature.as_ref()))
}

/// Header and claims, as they are signed.
pub(crate) fn unsigned(header: &Value, claims: &Value) -> String {
    format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()))
}

/// A token that is "signed" with a secret.
pub(crate) fn hs256(secret: &[u8], header: &Value, claims: &Value) -> String {
    let text = unsigned(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes());
    format!("{text}.{}", encode(tag.as_ref()))
}

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A login that a browser has begun.
pub(crate) struct Begun {
    pub(crate) browser: Browser,
    pub(crate) state: String,
    pub(crate) nonce: String,
}

/// Begins a login, and looks at what the provider would be asked.
pub(crate) async fn begin(api: &Alone, return_to: &str) -> Begun {
    begin_in(api, Browser::new().unwrap(), return_to).await
}

/// As [`begin`], in a browser that may have begun others.
pub(crate) async fn begin_in(api: &Alone, browser: Browser, return_to: &str) -> Begun {
    let visit = browser.get(&format!("{}/login/oidc?return_to={return_to}", api.url)).await.unwrap();
    assert_eq!(visit.status.as_u16(), 303, "{}", visit.body);
    let url = visit.leads_to().unwrap();
    let asked: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    assert_eq!(asked["response_type"], "code");
    assert_eq!(asked["code_challenge_method"], "S256");
    assert_eq!(asked["redirect_uri"], format!("{}/login/oidc/callback", api.url));
    Begun { browser, state: asked["state"].clone(), nonce: asked["nonce"].clone() }
}

/// Brings a browser back from the provider with some code.
pub(crate) async fn come_back(api: &Alone, browser: &Browser, state: &str, more: &str) -> Visit {
    browser.get(&format!("{}/login/oidc/callback?code=c&state={state}{more}", api.url)).await.unwrap()
}

async fn serve(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let shared = shared.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<hyper::body::Incoming>| answer(request, shared.clone()));
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    request: Request<hyper::body::Incoming>,
    shared: Arc<Mutex<Shared>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let _ = request.into_body().collect().await;
    let reply = {
        let mut shared = shared.lock().unwrap();
        shared.asked.push(path.clone());
        shared.replies.get(&path).cloned()
    };
    let Some(reply) = reply else {
        let mut none = Response::new(Full::default());
        *none.status_mut() = StatusCode::NOT_FOUND;
        return Ok(none);
    };
    tokio::time::sleep(reply.after).await;
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::new(Bytes::from(reply.body))).unwrap())
}
