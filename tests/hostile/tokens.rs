//! ID tokens that are forged, borrowed, stale or strange: each is refused at the callback, with its reason.

use std::time::Duration;

use serde_json::{Value, json};
use tests::alone::Alone;

use super::oidc::{
    both,
    issuer::{Begun, Issuer, MODULUS, Reply, begin, come_back, encode, hs256, new_key, public_key, sign, unsigned},
    logged_in, refused, sessions,
};

/// Ends a login with the token that `forge` makes of claims which would be all right; asserts the refusal.
async fn is_refused(forge: impl FnOnce(&Issuer, Value, &Begun) -> String, why: &str) -> (Alone, Issuer) {
    let (api, issuer) = both().await;
    attempt(&api, &issuer, forge, why).await;
    (api, issuer)
}

async fn attempt(api: &Alone, issuer: &Issuer, forge: impl FnOnce(&Issuer, Value, &Begun) -> String, why: &str) {
    let login = begin(api, "/").await;
    let token = forge(issuer, issuer.claims(&login), &login);
    issuer.gives(&token);
    refused(&come_back(api, &login.browser, &login.state, "").await, 403, why);
    assert_eq!(sessions(api).await, 0);
}

fn es256() -> Value {
    json!({"alg": "ES256", "kid": "good"})
}

/// The claims with some of them changed; null takes one away.
fn with(mut claims: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().shift_remove(name);
        } else {
            claims[name.as_str()] = value.clone();
        }
    }
    claims
}

const UNSIGNED: &str = "The ID token is not signed.";
const NOT_ACCEPTED: &str = "The ID token is signed in a way that is not accepted.";
const WRONG: &str = "The ID token&#39;s signature is wrong.";
const UNKNOWN_KEY: &str = "The ID token is signed with a key that the provider does not publish.";
const OTHER_APPLICATION: &str = "The ID token is for another application.";
const NOT_NOW: &str = "The ID token is not of this time: it is over, or too old, or the clocks differ.";
const OTHER_LOGIN: &str = "The ID token belongs to another login.";
const INVALID: &str = "What the provider sent is no valid ID token.";

#[tokio::test]
async fn a_token_that_says_none_for_its_algorithm_is_refused() {
    let (api, issuer) = both().await;
    for algorithm in ["none", "None", "nOnE"] {
        let forge =
            |_: &Issuer, claims: Value, _: &Begun| format!("{}.", unsigned(&json!({"alg": algorithm}), &claims));
        // Only the exact word is an algorithm at all.
        attempt(&api, &issuer, forge, if algorithm == "none" { UNSIGNED } else { INVALID }).await;
    }
}

#[tokio::test]
async fn a_public_rsa_key_is_no_secret_to_sign_with() {
    let (api, issuer) = both().await;
    let modulus = MODULUS.as_bytes().to_vec();
    let jwk = json!({"kty": "RSA", "kid": "rsa", "n": MODULUS, "e": "AQAB"}).to_string().into_bytes();
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{MODULUS}\n-----END PUBLIC KEY-----\n").into_bytes();
    for secret in [modulus, jwk, pem, Vec::new()] {
        let header = json!({"alg": "HS256", "kid": "rsa"});
        attempt(&api, &issuer, |_, claims, _| hs256(&secret, &header, &claims), NOT_ACCEPTED).await;
    }
}

#[tokio::test]
async fn the_clients_name_or_secret_does_not_sign_tokens() {
    let header = json!({"alg": "HS256", "kid": "good"});
    is_refused(|_, claims, _| hs256(b"slipway", &header, &claims), NOT_ACCEPTED).await;
}

#[tokio::test]
async fn a_key_id_is_looked_up_in_the_published_keys_and_nowhere_else() {
    let (api, issuer) = both().await;
    let theirs = new_key();
    let url = format!("{}/attacker/jwks", issuer.url);
    for kid in ["../../../../dev/null", "' OR '1'='1", "good\0", &url, "file:///proc/self/environ", ""] {
        let header = json!({"alg": "ES256", "kid": kid});
        attempt(&api, &issuer, |_, claims, _| sign(&theirs, &header, &claims), UNKNOWN_KEY).await;
    }
    let asked = issuer.asked();
    assert!(!asked.iter().any(|path| path.contains("attacker")), "{asked:?}");
    // Once at the start, and once because of the first unknown key: the rest came too soon after it.
    let fetched = asked.iter().filter(|path| *path == "/jwks").count();
    assert!((1..=3).contains(&fetched), "{asked:?}");
}

#[tokio::test]
async fn a_key_that_a_token_brings_along_is_not_used() {
    let (api, issuer) = both().await;
    let theirs = new_key();
    let places = format!("{}/attacker/jwks", issuer.url);
    for header in [
        json!({"alg": "ES256", "kid": "good", "jwk": public_key(&theirs, "good")}),
        json!({"alg": "ES256", "kid": "good", "jku": places, "x5u": places}),
        json!({"alg": "ES256", "jwk": public_key(&theirs, "good")}),
    ] {
        attempt(&api, &issuer, |_, claims, _| sign(&theirs, &header, &claims), WRONG).await;
    }
    assert!(!issuer.asked().iter().any(|path| path.contains("attacker")));
}

#[tokio::test]
async fn claims_that_were_changed_after_signing_are_refused() {
    let forge = |issuer: &Issuer, claims: Value, _: &Begun| {
        let token = issuer.sign(&es256(), &claims);
        let signature = token.rsplit('.').next().unwrap();
        format!("{}.{signature}", unsigned(&es256(), &with(claims, json!({"sub": "admin"}))))
    };
    is_refused(forge, WRONG).await;
}

#[tokio::test]
async fn a_token_of_another_algorithm_than_its_key_is_refused() {
    is_refused(|issuer, claims, _| issuer.sign(&json!({"alg": "RS256", "kid": "good"}), &claims), UNKNOWN_KEY).await;
}

#[tokio::test]
async fn a_token_for_somebody_else_is_refused() {
    let (api, issuer) = both().await;
    for changes in [
        json!({"aud": "another"}),
        json!({"aud": ["another"]}),
        json!({"aud": ["slipway", "another"]}),
        json!({"aud": ["slipway", "another"], "azp": "slipway"}),
        json!({"aud": null}),
        json!({"azp": "another"}),
        json!({"aud": "Slipway"}),
    ] {
        let forge = |issuer: &Issuer, claims: Value, _: &Begun| issuer.sign(&es256(), &with(claims, changes));
        attempt(&api, &issuer, forge, OTHER_APPLICATION).await;
    }
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused() {
    let (api, issuer) = both().await;
    for other in ["https://evil.example".to_owned(), format!("{}/", issuer.url)] {
        let forge =
            |issuer: &Issuer, claims: Value, _: &Begun| issuer.sign(&es256(), &with(claims, json!({"iss": other})));
        attempt(&api, &issuer, forge, "The ID token is another issuer&#39;s.").await;
    }
}

#[tokio::test]
async fn a_token_of_another_time_is_refused() {
    let (api, issuer) = both().await;
    let now = chrono::Utc::now().timestamp();
    for changes in [
        json!({"exp": now - 120}),
        json!({"exp": 0}),
        json!({"exp": -1}),
        json!({"iat": now + 600}),
        json!({"iat": now - 7200}),
    ] {
        let forge = |issuer: &Issuer, claims: Value, _: &Begun| issuer.sign(&es256(), &with(claims, changes));
        attempt(&api, &issuer, forge, NOT_NOW).await;
    }
}

#[tokio::test]
async fn an_expiry_that_is_no_number_is_refused() {
    let (api, issuer) = both().await;
    let now = chrono::Utc::now().timestamp();
    for changes in [
        json!({"exp": (now + 300).to_string()}),
        json!({"exp": "2099-01-01T00:00:00Z"}),
        json!({"exp": {"$gt": 0}}),
        json!({"exp": null}),
        json!({"exp": 1e300}),
        json!({"iat": null}),
        json!({"sub": null}),
        json!({"sub": 7}),
    ] {
        let forge = |issuer: &Issuer, claims: Value, _: &Begun| issuer.sign(&es256(), &with(claims, changes));
        attempt(&api, &issuer, forge, INVALID).await;
    }
}

#[tokio::test]
async fn a_token_without_this_logins_nonce_is_refused() {
    let (api, issuer) = both().await;
    let other = begin(&api, "/").await.nonce;
    for nonce in [json!(null), json!(""), json!("x"), json!(other)] {
        let forge =
            |issuer: &Issuer, claims: Value, _: &Begun| issuer.sign(&es256(), &with(claims, json!({"nonce": nonce})));
        attempt(&api, &issuer, forge, OTHER_LOGIN).await;
    }
}

#[tokio::test]
async fn headers_that_must_be_understood_and_are_not_are_refused() {
    let (api, issuer) = both().await;
    for header in [
        json!({"alg": "ES256", "kid": "good", "crit": ["exp"], "exp": 1}),
        json!({"alg": "ES256", "kid": "good", "cty": "JWT"}),
        json!({"alg": "ES256", "kid": "good", "typ": "logout+jwt"}),
    ] {
        attempt(&api, &issuer, |issuer, claims, _| issuer.sign(&header, &claims), "The ID token is not valid.").await;
    }
}

#[tokio::test]
async fn what_is_no_token_at_all_is_refused() {
    let (api, issuer) = both().await;
    let deep = encode("[".repeat(100_000).as_bytes());
    let texts = ["", ".", "..", "a.b.c", "a.b.c.d.e", "💥.💥.💥", &format!("{deep}.{deep}.{deep}")];
    for text in texts {
        attempt(&api, &issuer, |_, _, _| text.to_owned(), INVALID).await;
    }
}

#[tokio::test]
async fn a_token_endpoint_that_is_slow_huge_or_silent_is_not_waited_for() {
    let (api, issuer) = both().await;
    let slow = Reply { after: Duration::from_secs(600), ..Reply::json(&json!({})) };
    let huge = Reply { body: vec![b'x'; 2 * 1024 * 1024], ..Reply::json(&json!({})) };
    for reply in [slow, huge] {
        issuer.answers("/token", reply);
        let login = begin(&api, "/").await;
        let page = come_back(&api, &login.browser, &login.state, "").await;
        refused(&page, 502, "The login service gave no answer that could be used.");
    }
    let no_id_token = Reply::json(&json!({"access_token": "x", "token_type": "Bearer"}));
    issuer.answers("/token", no_id_token);
    let login = begin(&api, "/").await;
    refused(&come_back(&api, &login.browser, &login.state, "").await, 403, "The provider sent no ID token.");
}

#[tokio::test]
async fn a_good_id_token_is_no_key_of_the_api() {
    let (api, issuer) = both().await;
    let login = begin(&api, "/").await;
    let token = issuer.sign(&es256(), &issuer.claims(&login));
    issuer.gives(&token);
    logged_in(&come_back(&api, &login.browser, &login.state, "").await, "/");
    let asked = issuer.asked().len();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let answer = http.get(format!("{}/api/whoami", api.url)).bearer_auth(&token).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 401);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["type"], "/problems/unauthorized");
    assert_eq!(issuer.asked().len(), asked, "the provider is not asked about it either");
}
