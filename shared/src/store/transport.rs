//! TLS to Postgres.

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::Result;
use crate::{
    config::{DatabaseTls, DatabaseTlsMode},
    tls,
};

/// The same server over TLS. Files that cannot be used are refused here; they are read again for each connection.
pub(super) fn secured(mut options: PgConnectOptions, tls: &DatabaseTls) -> Result<PgConnectOptions> {
    let refused = |error| sqlx::Error::Configuration(Box::new(error));
    let settings = ["database.tls.cert", "database.tls.key"];
    let identity = tls::optional_identity(settings, tls.cert.as_deref(), tls.key.as_deref()).map_err(refused)?;
    if let (Some(_), Some(cert), Some(key)) = (identity, &tls.cert, &tls.key) {
        options = options.ssl_client_cert(cert).ssl_client_key(key);
    }
    if let Some(ca) = &tls.ca {
        tls::authorities("database.tls.ca", ca).map_err(refused)?;
        options = options.ssl_root_cert(ca);
    }
    Ok(options.ssl_mode(match tls.mode {
        DatabaseTlsMode::Disable => PgSslMode::Disable,
        DatabaseTlsMode::Require => PgSslMode::Require,
        DatabaseTlsMode::VerifyCa => PgSslMode::VerifyCa,
        DatabaseTlsMode::VerifyFull => PgSslMode::VerifyFull,
    }))
}
