//! The login service: from its settings to what it makes of a login.

use std::time::Duration;

use api::{OidcHttpError, OidcProvider, OidcProviderError, OidcRegistration};
use shared::config::Config;

use super::Finding;

/// How long a name may take to be looked up.
const LOOKUP: Duration = Duration::from_secs(5);

/// Each step that a login takes, as far as the first one that fails.
pub(super) async fn check(config: &Config) -> Vec<Finding> {
    let Some(settings) = &config.identity.oidc else {
        return vec![Finding::skipped("oidc", "no login service is configured (identity.oidc)")];
    };
    let provider = match OidcProvider::new(config) {
        Ok(Some(provider)) => provider,
        Ok(None) => return Vec::new(),
        Err(reason) => {
            return vec![Finding::failed(
                "oidc settings",
                reason,
                "correct the configuration; nobody can log in by it",
            )];
        }
    };
    let mut findings = vec![match settings.client_secret.as_ref().map(shared::config::SecretSource::read) {
        None => Finding::ok("oidc settings", "a public client, by PKCE alone"),
        Some(Ok(_)) => Finding::ok("oidc settings", "the client's secret can be read"),
        Some(Err(reason)) => {
            let said = format!("identity.oidc.client_secret: {reason}");
            Finding::failed("oidc settings", said, "give it to the user that the api runs as")
        }
    }];
    let looked_up = name(&settings.issuer).await;
    let known = looked_up.state == super::State::Ok;
    findings.push(looked_up);
    if !known {
        return findings;
    }
    if let Err(error) = provider.look().await {
        findings.push(Finding::failed("oidc issuer", error.to_string(), advice(&error)));
        return findings;
    }
    findings.push(Finding::ok("oidc issuer", format!("{} is what it calls itself", settings.issuer)));
    findings.push(match provider.keys_published().await {
        Ok(count) => Finding::ok("oidc keys", format!("{count} published")),
        Err(error) => Finding::failed("oidc keys", error.to_string(), advice(&error)),
    });
    let redirect = provider.redirect_url();
    findings.push(match provider.registration().await {
        Ok(OidcRegistration::Good) => {
            Finding::ok("oidc redirect", format!("the provider sends browsers back to {redirect}"))
        }
        Ok(OidcRegistration::Doubtful(status)) => Finding::failed(
            "oidc redirect",
            format!("the provider answers {status} instead of sending browsers back to {redirect}"),
            format!("register exactly this redirect URI for the client '{}' at the provider", settings.client_id),
        ),
        Err(error) => Finding::failed("oidc redirect", error.to_string(), advice(&error)),
    });
    findings
}

async fn name(issuer: &str) -> Finding {
    let check = "oidc name";
    let host = issuer.split_once("://").map_or(issuer, |(_, rest)| rest).split(['/', '?']).next().unwrap_or_default();
    let (bare, port) = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (bare, port.parse().unwrap_or(443)),
        _ => (host, 443_u16),
    };
    let bare = bare.trim_matches(['[', ']']);
    match tokio::time::timeout(LOOKUP, tokio::net::lookup_host((bare, port))).await {
        Ok(Ok(found)) => {
            let found: Vec<String> = found.take(4).map(|address| address.ip().to_string()).collect();
            Finding::ok(check, format!("{bare} is {}", found.join(", ")))
        }
        Ok(Err(error)) => Finding::failed(
            check,
            format!("{bare}: {error}"),
            "is the name in identity.oidc.issuer right, and in the DNS here?",
        ),
        Err(_) => Finding::failed(
            check,
            format!("{bare}: no answer within {} s", LOOKUP.as_secs()),
            "does the DNS work here?",
        ),
    }
}

fn advice(error: &OidcProviderError) -> String {
    match error {
        OidcProviderError::Unreachable { reason: OidcHttpError::Failed(text), .. } if text.contains("certificate") => {
            "its certificate is not trusted here: name the authority's certificate in identity.oidc.ca_file".into()
        }
        OidcProviderError::Unreachable { .. } => "does it run, and does a firewall or proxy let this machine through?".into(),
        OidcProviderError::Status { .. } | OidcProviderError::Unreadable { .. } => {
            "open that address in a browser: it must show JSON with \"issuer\" in it. Realm or tenant belong into the issuer too".into()
        }
        OidcProviderError::Issuer { said, .. } => format!("set identity.oidc.issuer to '{said}', if that is the provider you mean"),
        OidcProviderError::Endpoint(_) => "the provider must name addresses with https://: tell it its public address".into(),
        OidcProviderError::Lacks { .. } => "the provider must offer the authorization code flow and publish RSA, P-256, P-384 or Ed25519 keys".into(),
    }
}
