//! The HTTP client for a server, and what to do where TLS with it does not come about.

use std::time::Duration;

use anyhow::Context as _;
use shared::tls;

use super::Tls;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(5);

/// A client for requests to `url`. A server on this machine is never asked for by way of a proxy.
///
/// # Errors
/// When certificates cannot be used: the system's, or those of `tls`.
pub(crate) fn http_client(url: &str, tls: &Tls) -> anyhow::Result<reqwest::Client> {
    tls::install_provider();
    let version = env!("CARGO_PKG_VERSION");
    let mut builder = reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(format!("slipway/{version}"));
    if let Some(path) = &tls.cacert {
        let trusted = tls::authorities("--cacert", path)?;
        builder = builder.tls_certs_only(reqwest::Certificate::from_pem_bundle(&trusted.pem)?);
    }
    if let Some(shown) = tls::optional_identity(["--cert", "--key"], tls.cert.as_deref(), tls.key.as_deref())? {
        builder = builder.identity(reqwest::Identity::from_pem(&shown.pem)?);
    }
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    if host == "localhost" || host.starts_with("127.") || host == "[::1]" {
        builder = builder.no_proxy();
    }
    builder.build().context("setting up HTTP")
}

/// What to do about a TLS connection that did not come about, by the words that the library has for the cause.
pub(crate) fn tls_advice(reason: &str) -> Option<&'static str> {
    const ADVICE: [(&str, &str); 5] = [
        ("InvalidContentType", "what answers there does not speak TLS: write http:// if that is right"),
        (
            "UnknownIssuer",
            "name the file with the authority that signed the server's certificate: --cacert FILE, or SLIPWAY_CACERT",
        ),
        (
            "not valid for name",
            "write the address by a name that the certificate is for, or have one made for this name",
        ),
        ("expired", "the server's certificate has to be renewed there; and is this machine's clock right?"),
        (
            "CertificateRequired",
            "the server asks for a certificate: --cert FILE --key FILE, or SLIPWAY_CERT and SLIPWAY_CERT_KEY",
        ),
    ];
    ADVICE.iter().find(|(word, _)| reason.contains(word)).map(|(_, advice)| *advice)
}
