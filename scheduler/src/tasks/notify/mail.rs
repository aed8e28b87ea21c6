//! Mail, by SMTP.

use std::time::Duration;

use anyhow::Context as _;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{Mailbox, header::ContentType},
    transport::smtp::{
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls, TlsParameters},
    },
};
use shared::config::{Smtp, SmtpTls};
use uuid::Uuid;

use super::send::Setback;

/// Sends mail through one server. Cheap to clone; every mail has a connection of its own.
#[derive(Clone)]
pub(crate) struct Post {
    settings: Smtp,
    from: Mailbox,
    tls: Option<TlsParameters>,
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post")
            .field("host", &self.settings.host)
            .field("from", &self.settings.from)
            .finish_non_exhaustive()
    }
}

impl Post {
    /// By these settings.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub(crate) fn new(settings: &Smtp) -> anyhow::Result<Self> {
        let from: Mailbox = settings
            .from
            .parse()
            .with_context(|| format!("notifications.smtp.from: '{}' is no address", settings.from))?;
        let tls = match settings.tls {
            SmtpTls::None => {
                anyhow::ensure!(
                    settings.user.is_none(),
                    "notifications.smtp.user: a password is not sent without TLS; set tls to starttls or implicit"
                );
                None
            }
            SmtpTls::Starttls | SmtpTls::Implicit => Some(trusting(settings)?),
        };
        anyhow::ensure!(
            settings.user.is_some() == settings.password.is_some(),
            "notifications.smtp: user and password go together"
        );
        Ok(Self { settings: settings.clone(), from, tls })
    }

    /// Sends one mail; gives what the server said.
    pub(super) async fn send(&self, to: &str, id: Uuid, subject: &str, text: String) -> Result<String, Setback> {
        let to: Mailbox = to.parse().map_err(|error| Setback::lasting(format!("'{to}' is no address: {error}")))?;
        let domain = self.from.email.domain();
        let mail = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            // The same over all tries: a mailbox that has it already may drop the double.
            .message_id(Some(format!("<{id}@{domain}>")))
            .header(ContentType::TEXT_PLAIN)
            .body(text)
            .map_err(Setback::lasting)?;
        let server = self.server().map_err(Setback::passing)?;
        let limit = Duration::from_secs(self.settings.timeout_s.max(1).into());
        match tokio::time::timeout(limit, server.send(mail)).await {
            Ok(Ok(answer)) => Ok(format!("{} {}", answer.code(), answer.message().collect::<Vec<_>>().join(" "))),
            Ok(Err(error)) => {
                let mut why = error.to_string();
                let mut cause = std::error::Error::source(&error);
                while let Some(deeper) = cause {
                    why.push_str(&format!(": {deeper}"));
                    cause = deeper.source();
                }
                Err(Setback { why, passing: !error.is_permanent() })
            }
            Err(_) => Err(Setback::passing(format!("no answer within {} s", limit.as_secs()))),
        }
    }

    fn server(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
        let settings = &self.settings;
        let tls = match (settings.tls, &self.tls) {
            (SmtpTls::Starttls, Some(tls)) => Tls::Required(tls.clone()),
            (SmtpTls::Implicit, Some(tls)) => Tls::Wrapper(tls.clone()),
            _ => Tls::None,
        };
        let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&settings.host)
            .port(settings.port())
            .tls(tls)
            .timeout(Some(Duration::from_secs(settings.timeout_s.max(1).into())));
        if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
            // Read each time: it may have been changed.
            let password = password.read().map_err(|why| format!("notifications.smtp.password: {why}"))?;
            server = server.credentials(Credentials::new(user.clone(), password));
        }
        Ok(server.build())
    }
}

fn trusting(settings: &Smtp) -> anyhow::Result<TlsParameters> {
    let mut parameters = TlsParameters::builder(settings.host.clone());
    if let Some(path) = &settings.ca_file {
        let key = || format!("notifications.smtp.ca_file: {}", path.display());
        let pem = std::fs::read(path).with_context(key)?;
        parameters = parameters.certificate_store(CertificateStore::None);
        parameters = parameters.add_root_certificate(Certificate::from_pem(&pem).with_context(key)?);
    }
    parameters.build_rustls().context("notifications.smtp: TLS")
}
