//! Forges announce pushes here, without an API key: a signature over the body shows that they know the source's secret.
//!
//! An announcement does one thing, which is to have the scheduler look at the source soon. One that says when it was made is
//! taken for five minutes; others may be sent again by whoever overheard them, and do no harm then. The body is read for its signature only, bit by bit, and never kept.

use std::sync::LazyLock;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::StreamExt as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use shared::store::{notify, provider_source};

use crate::{
    error::{Problem, ProblemDetails},
    extract::Path,
    state::AppState,
};

/// Bytes of an announcement; forges send at most 25 MB.
const MAX_BYTES: usize = 25 * 1024 * 1024;
/// Seconds that a signed time may lie before or after now, as Standard Webhooks propose: what was overheard is worth nothing later.
const TOLERANCE_S: i64 = 300;
/// Signatures that one header may list.
const MAX_SIGNATURES: usize = 8;

type Signature = Hmac<Sha256>;

/// A secret that nobody knows, in place of the one that a source does not have.
static NOBODYS: LazyLock<[u8; 32]> = LazyLock::new(rand::random);

/// How an announcement shows that it comes from who knows the secret.
#[derive(Debug, PartialEq, Eq)]
enum Claim {
    /// HMAC-SHA256 of the body: GitHub (`X-Hub-Signature-256`), Gitea and Forgejo.
    Body(Vec<u8>),
    /// HMAC-SHA256 of id, time and body: GitLab's signing token, as Standard Webhooks have it.
    Signed { prefix: String, at: i64, signatures: Vec<Vec<u8>> },
    /// The secret itself: GitLab's secret token.
    Token(Vec<u8>),
}

impl Claim {
    /// The strongest that the request makes; one that is there and wrong is not helped by a weaker one.
    fn of(headers: &HeaderMap) -> Option<Self> {
        let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if let Some(value) = header("x-hub-signature-256") {
            return hex::decode(value.strip_prefix("sha256=")?).ok().map(Self::Body);
        }
        if let Some(value) = header("x-gitea-signature").or_else(|| header("x-forgejo-signature")) {
            return hex::decode(value).ok().map(Self::Body);
        }
        if let Some(value) = header("webhook-signature") {
            let time = header("webhook-timestamp")?;
            let prefix = format!("{}.{time}.", header("webhook-id")?);
            let listed = value.split(' ').filter_map(|one| one.strip_prefix("v1,")).take(MAX_SIGNATURES);
            return Some(Self::Signed {
                prefix,
                at: time.parse().ok()?,
                signatures: listed.filter_map(|one| BASE64_STANDARD.decode(one).ok()).collect(),
            });
        }
        header("x-gitlab-token").map(|token| Self::Token(token.as_bytes().to_vec()))
    }

    /// Whether it was made lately, where it says when.
    fn is_fresh(&self, now: i64) -> bool {
        match self {
            Self::Signed { at, .. } => now.abs_diff(*at) <= TOLERANCE_S.unsigned_abs(),
            Self::Body(_) | Self::Token(_) => true,
        }
    }
}

/// The key that a secret stands for: GitLab's signing tokens are `whsec_` and 32 bytes in base64.
fn key_of(secret: &str, claim: &Claim) -> Vec<u8> {
    let token = secret.strip_prefix("whsec_").filter(|_| matches!(claim, Claim::Signed { .. }));
    token.and_then(|token| BASE64_STANDARD.decode(token).ok()).unwrap_or_else(|| secret.as_bytes().to_vec())
}

/// Whether the claim holds for what `body` was fed with. In a time that does not tell how much of it was right.
fn holds(claim: &Claim, key: &[u8], body: Signature) -> bool {
    match claim {
        Claim::Body(signature) => body.verify_slice(signature).is_ok(),
        Claim::Signed { signatures, .. } => {
            signatures.iter().fold(false, |held, signature| body.clone().verify_slice(signature).is_ok() | held)
        }
        // Both are run through the same function first, so that their lengths do not show either.
        Claim::Token(token) => {
            let (Some(given), Some(known)) = (keyed(key, token), keyed(key, key)) else { return false };
            known.verify_slice(&given.finalize().into_bytes()).is_ok()
        }
    }
}

fn keyed(key: &[u8], content: &[u8]) -> Option<Signature> {
    // A key of any length will do.
    let mut signature = Signature::new_from_slice(key).ok()?;
    signature.update(content);
    Some(signature)
}

/// One answer to all that is not right, so that nobody learns which sources there are.
fn refused() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "webhook-refused",
        "there is no such source, it has no webhook secret, or the signature is not made with it, or more than five minutes ago",
    )
}

/// Announces a push to a source's repository. Takes GitHub's `X-Hub-Signature-256`, Gitea's `X-Gitea-Signature`, Forgejo's
/// `X-Forgejo-Signature`, GitLab's `webhook-signature` and `X-Gitlab-Token`. No API key is needed.
#[utoipa::path(post, path = "/api/webhooks/git/{source}", tag = "providers", params(("source" = String, Path)),
    security(()), request_body(content = Object, description = "What the forge sends; it is not read"),
    responses((status = 202, description = "The source is looked at soon"), (status = 401, body = ProblemDetails),
              (status = 413, body = ProblemDetails)))]
pub(crate) async fn push(
    State(app): State<AppState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let claim = Claim::of(&headers).ok_or_else(refused)?;
    let source = provider_source::find(app.store.pool(), &name).await?;
    let named = source.map(|row| row.webhook_secret.unwrap_or(row.name));
    let secret = named.and_then(|name| app.config.git.webhook_secrets.get(&name)).and_then(|secret| {
        let read = secret.read().map_err(|message| format!("the webhook secret of the source {name}: {message}"));
        read.inspect_err(|error| tracing::error!(error, "an announcement cannot be checked")).ok()
    });
    let known = secret.is_some();
    let key = secret.map_or_else(|| NOBODYS.to_vec(), |secret| key_of(&secret, &claim));
    let prefix = if let Claim::Signed { prefix, .. } = &claim { prefix.as_str() } else { "" };
    let mut signature = keyed(&key, prefix.as_bytes()).ok_or_else(refused)?;
    let (mut chunks, mut bytes) = (body.into_data_stream(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::bad_request("the body could not be read"))?;
        bytes = bytes.saturating_add(chunk.len());
        if bytes > MAX_BYTES {
            let detail = format!("an announcement has at most {MAX_BYTES} bytes");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail));
        }
        signature.update(&chunk);
    }
    if !(holds(&claim, &key, signature) & known & claim.is_fresh(chrono::Utc::now().timestamp())) {
        metrics::counter!("slipway_webhooks_refused_total").increment(1);
        return Err(refused());
    }
    let mut tx = app.store.begin().await?;
    provider_source::request_look(&mut *tx, Some(&name)).await?;
    notify(&mut tx).await?;
    crate::commit(tx).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(serde_json::json!({ "source": name, "status": "looking" }))).into_response())
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &str)], secret: &str, body: &str) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        let Some(claim) = Claim::of(&headers) else { return false };
        let key = key_of(secret, &claim);
        let prefix = if let Claim::Signed { prefix, .. } = &claim { prefix.as_str() } else { "" };
        let mut signature = keyed(&key, prefix.as_bytes()).unwrap();
        signature.update(body.as_bytes());
        holds(&claim, &key, signature)
    }

    #[test]
    fn a_signature_of_github_holds_for_the_body_it_was_made_of() {
        // The vector of GitHub's own documentation.
        let (secret, body) = ("It's a Secret to Everybody", "Hello, World!");
        let right = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(check(&[("x-hub-signature-256", right)], secret, body));
        assert!(!check(&[("x-hub-signature-256", right)], secret, "Hello, World?"));
        assert!(!check(&[("x-hub-signature-256", right)], "another", body));
        assert!(!check(&[("x-hub-signature-256", &right[7..])], secret, body));
        assert!(!check(&[("x-hub-signature-256", "sha256=")], secret, body));
        assert!(!check(&[("x-hub-signature-256", &right[..69])], secret, body));
    }

    #[test]
    fn a_signature_of_gitea_is_the_same_in_plain_hexadecimal() {
        // RFC 4231, test case 2.
        let right = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let body = "what do ya want for nothing?";
        assert!(check(&[("x-gitea-signature", right)], "Jefe", body));
        assert!(check(&[("x-forgejo-signature", right)], "Jefe", body));
        assert!(!check(&[("x-gitea-signature", "zz")], "Jefe", body));
    }

    #[test]
    fn gitlab_signs_with_a_token_or_sends_it() {
        // The vector of the Standard Webhooks specification's own libraries.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let body = r#"{"test": 2432232314}"#;
        let signed = |signature: &str| {
            let pairs = [
                ("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
                ("webhook-timestamp", "1614265330"),
                ("webhook-signature", signature),
            ];
            check(&pairs, secret, body)
        };
        assert!(signed("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert!(signed("v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert!(!signed("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="));
        assert!(!signed("v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert!(check(&[("x-gitlab-token", "s3cret")], "s3cret", "anything"));
        assert!(!check(&[("x-gitlab-token", "s3cre")], "s3cret", "anything"));
        assert!(!check(&[("x-gitlab-token", "")], "s3cret", "anything"));
    }

    #[test]
    fn a_signed_time_counts_for_five_minutes_before_and_after() {
        let signed = |at| Claim::Signed { prefix: String::new(), at, signatures: vec![] };
        for (at, fresh) in [(1_000, true), (700, true), (699, false), (1_300, true), (1_301, false), (i64::MIN, false)]
        {
            assert_eq!(signed(at).is_fresh(1_000), fresh, "{at}");
        }
        assert!(Claim::Body(vec![]).is_fresh(1_000));
    }

    #[test]
    fn a_wrong_signature_is_not_helped_by_a_right_token() {
        let pairs = [("x-hub-signature-256", "sha256=00"), ("x-gitlab-token", "s3cret")];
        assert!(!check(&pairs, "s3cret", ""));
        assert!(!check(&[], "s3cret", ""));
    }
}
