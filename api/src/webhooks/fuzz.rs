//! Announcements of the four forges as they are kept in `api/tests/corpus/webhooks`, each replayed whole and cut, and headers that nobody
//! meant to send. Proptest keeps what fails under `api/proptest-regressions/`.

use axum::http::{HeaderName, HeaderValue};
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

const NAMES: [&str; 7] = [
    "x-hub-signature-256",
    "x-gitea-signature",
    "x-forgejo-signature",
    "webhook-signature",
    "webhook-id",
    "webhook-timestamp",
    "x-gitlab-token",
];

const PIECES: [&str; 14] =
    ["sha256=", "v1,", "v1a,", " ", ",", "=", "00", "zz", "whsec_", "AAAA", "msg_1", "1614265330", "-1", "s3cret"];

/// Pieces of such headers, and bytes of any kind.
fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![select(&PIECES[..]).prop_map(|piece| piece.as_bytes().to_vec()), vec(any::<u8>(), 0..8)];
    vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn any_headers() -> impl Strategy<Value = HeaderMap> {
    vec((select(&NAMES[..]), any_value()), 0..6).prop_map(|pairs| {
        let valid = |(name, value): (&'static str, Vec<u8>)| {
            Some((HeaderName::from_static(name), HeaderValue::from_bytes(&value).ok()?))
        };
        pairs.into_iter().filter_map(valid).collect()
    })
}

fn accepted(headers: &HeaderMap, secret: &str, body: &[u8]) -> bool {
    let Some(claim) = Claim::of(headers) else { return false };
    let prefix = if let Claim::Signed { prefix, .. } = &claim { prefix.clone() } else { String::new() };
    let key = key_of(secret, &claim);
    keyed(&key, prefix.as_bytes()).is_some_and(|mut signature| {
        signature.update(body);
        holds(&claim, &key, signature)
    })
}

/// A kept announcement: the source's secret and the headers line by line, an empty line, the body.
fn kept(content: &[u8]) -> (String, HeaderMap, &[u8]) {
    let end = content.windows(2).position(|two| two == b"\n\n").unwrap();
    let (mut secret, mut headers) = (String::new(), HeaderMap::new());
    for line in content[..end].split(|byte| *byte == b'\n') {
        let colon = line.iter().position(|byte| *byte == b':').unwrap();
        let (name, value) = (std::str::from_utf8(&line[..colon]).unwrap(), &line[colon + 2..]);
        if name == "secret" {
            secret = String::from_utf8(value.to_vec()).unwrap();
        } else {
            headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value).unwrap());
        }
    }
    (secret, headers, &content[end + 2..])
}

#[test]
fn what_forges_send_is_taken_and_what_only_looks_so_is_not_however_it_is_cut() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/webhooks");
    let mut good = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let content = std::fs::read(&path).unwrap();
        let (secret, headers, body) = kept(&content);
        let is_good = name.starts_with("good-");
        assert!(is_good || name.starts_with("bad-"), "{name}");
        assert_eq!(accepted(&headers, &secret, body), is_good, "{name}");
        assert!(!accepted(&headers, &format!("another {secret}"), body), "{name}");
        good += u32::from(is_good);
        // A token says nothing of the body; a signature does.
        let signed = is_good && !headers.contains_key("x-gitlab-token");
        for end in (0..body.len()).step_by(7) {
            assert!(!(signed && accepted(&headers, &secret, &body[..end])), "{name}: {end}");
        }
        for (header, value) in &headers {
            for end in 0..value.len() {
                let mut cut = headers.clone();
                cut.insert(header, HeaderValue::from_bytes(&value.as_bytes()[..end]).unwrap());
                let _ = accepted(&cut, &secret, body);
            }
        }
    }
    assert!(good >= 8, "{good}: the corpus is not read");
}

proptest! {
    #[test]
    fn no_headers_are_accepted_by_chance(headers in any_headers(), body in vec(any::<u8>(), 0..64)) {
        if let Some(Claim::Signed { signatures, .. }) = Claim::of(&headers) {
            prop_assert!(signatures.len() <= MAX_SIGNATURES);
        }
        prop_assert!(!accepted(&headers, "a secret that is nowhere in the pieces", &body));
    }

    #[test]
    fn a_signature_holds_and_with_one_byte_changed_does_not(
        secret in "[ -~]{1,40}", body in vec(any::<u8>(), 0..64), at in any::<prop::sample::Index>(), bit in 0_u8..8,
    ) {
        let mut signature = keyed(secret.as_bytes(), b"").unwrap();
        signature.update(&body);
        let signed = hex::encode(signature.finalize().into_bytes());
        let headers = |value: &[u8]| {
            let value = HeaderValue::from_bytes(value).ok()?;
            Some(HeaderMap::from_iter([(HeaderName::from_static("x-gitea-signature"), value)]))
        };
        prop_assert!(accepted(&headers(signed.as_bytes()).unwrap(), &secret, &body));
        let mut changed = signed.clone().into_bytes();
        let at = at.index(changed.len());
        changed[at] ^= 1 << bit;
        // The same digit in the other case is the same digit.
        if !changed.eq_ignore_ascii_case(signed.as_bytes()) && let Some(headers) = headers(&changed) {
            prop_assert!(!accepted(&headers, &secret, &body));
        }
    }

    #[test]
    fn what_slipway_itself_signs_is_accepted(id in "[a-z0-9_]{1,20}", time in any::<i64>(), body in vec(any::<u8>(), 0..64)) {
        let secret = shared::outgoing::Secret::random();
        let signed = shared::outgoing::signature(&[&secret], &id, time, &body);
        let pairs = [("webhook-id", id), ("webhook-timestamp", time.to_string()), ("webhook-signature", signed)];
        let headers = pairs.into_iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect();
        prop_assert!(accepted(&headers, &secret.to_text(), &body));
        prop_assert!(!accepted(&headers, &shared::outgoing::Secret::random().to_text(), &body));
    }
}
