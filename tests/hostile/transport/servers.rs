//! Slipway as the client of Postgres and Redis.

use std::time::Duration;

use shared::{
    config::{self, DatabaseTls},
    queue::Tickets,
    store::Store,
};
use tests::{authority::Authority, database::TestDatabase, postgres::PrivatePostgres, redis::PrivateRedis, wait};

/// Names of a server on this machine, but for `localhost`.
const ADDRESS: [&str; 1] = ["127.0.0.1"];

/// Why Postgres does not answer, if it does not.
async fn ping(url: &str, tls: DatabaseTls) -> Result<(), String> {
    let config = config::Database { url: url.to_owned(), tls: Some(tls), ..config::Database::default() };
    let store = Store::connect(&config, "slipway-test").map_err(|error| error.to_string())?;
    store.ping().await.map_err(|error| error.to_string())
}

/// Why Redis does not answer, if it does not.
async fn knock(url: &str, tls: config::RedisTls) -> Result<(), String> {
    let config = config::Redis { url: url.to_owned(), tls: Some(tls), ..config::Redis::default() };
    let tickets = Tickets::connect(&config).map_err(|error| error.to_string())?;
    tickets.check_server().await.map_err(|error| error.to_string())
}

fn assert_says(outcome: Result<(), String>, expected: &str) {
    let said = outcome.expect_err(expected);
    assert!(said.contains(expected), "{said}");
}

#[tokio::test]
async fn a_postgres_that_another_authority_vouches_for_is_not_spoken_to() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = PrivatePostgres::start_secured(&authority, &authority.server(&ADDRESS).unwrap()).await.unwrap();
    let (url, known) = (server.url("postgres"), authority.client("postgres").unwrap());
    assert_eq!(ping(&url, authority.database(Some(&known))).await, Ok(()));
    assert_says(ping(&url, other.database(Some(&known))).await, "invalid peer certificate: BadSignature");
}

#[tokio::test]
async fn a_postgres_by_another_name_than_its_certificates_is_not_spoken_to() {
    let authority = Authority::new().unwrap();
    let server = PrivatePostgres::start_secured(&authority, &authority.server(&ADDRESS).unwrap()).await.unwrap();
    let (url, known) = (server.url("postgres"), authority.client("postgres").unwrap());
    let by_name = url.replace("127.0.0.1", "localhost");
    let refused = ping(&by_name, authority.database(Some(&known))).await;
    assert_says(refused, "invalid peer certificate: certificate not valid for name \"localhost\"");
}

#[tokio::test]
async fn a_postgres_with_an_expired_certificate_is_not_spoken_to() {
    let authority = Authority::new().unwrap();
    let shown = authority.expired_server(&ADDRESS).unwrap();
    let server = PrivatePostgres::start_secured(&authority, &shown).await.unwrap();
    let known = authority.client("postgres").unwrap();
    let refused = ping(&server.url("postgres"), authority.database(Some(&known))).await;
    assert_says(refused, "invalid peer certificate: certificate expired");
}

#[tokio::test]
async fn a_postgres_without_tls_is_not_spoken_to_where_tls_is_configured() {
    let (authority, database) = (Authority::new().unwrap(), TestDatabase::create_empty().await.unwrap());
    let refused = ping(&database.url, authority.database(None)).await;
    assert_says(refused, "server does not support TLS");
}

#[tokio::test]
async fn a_postgres_that_asks_for_a_certificate_takes_only_the_one_of_that_role() {
    let authority = Authority::new().unwrap();
    let server = PrivatePostgres::start_secured(&authority, &authority.server(&ADDRESS).unwrap()).await.unwrap();
    let url = server.url("postgres");
    assert_says(ping(&url, authority.database(None)).await, "connection requires a valid client certificate");
    let another = authority.client("somebody").unwrap();
    assert_says(ping(&url, authority.database(Some(&another))).await, "authentication failed for user \"postgres\"");
}

#[tokio::test]
async fn an_authority_that_is_replaced_on_disk_is_trusted_by_the_next_connection_to_postgres() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = PrivatePostgres::start_secured(&authority, &authority.server(&ADDRESS).unwrap()).await.unwrap();
    let shown = authority.client("postgres").unwrap();
    let config = config::Database { tls: Some(other.database(Some(&shown))), ..server.config("postgres") };
    let store = Store::connect(&config, "slipway-test").unwrap();
    assert_says(store.ping().await.map_err(|error| error.to_string()), "invalid peer certificate: BadSignature");
    std::fs::copy(&authority.ca, &other.ca).unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn an_authority_that_is_replaced_on_disk_is_trusted_by_the_next_connection_to_redis() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = PrivateRedis::start_secured(&authority, &authority.server(&ADDRESS).unwrap()).await.unwrap();
    let shown = authority.client("slipway").unwrap();
    let tls = Some(other.redis(Some(&shown)));
    let tickets =
        Tickets::connect(&config::Redis { url: server.url.clone(), tls, ..config::Redis::default() }).unwrap();
    let refused = tickets.check_server().await.map_err(|error| error.to_string());
    assert_says(refused, "invalid peer certificate: BadSignature");
    std::fs::copy(&authority.ca, &other.ca).unwrap();
    wait::until("Redis is trusted", Duration::from_secs(60), async || Ok(tickets.check_server().await.ok()))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_redis_that_another_authority_vouches_for_is_not_spoken_to() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = PrivateRedis::start_secured(&authority, &authority.server(&ADDRESS).unwrap()).await.unwrap();
    let known = authority.client("slipway").unwrap();
    assert_eq!(knock(&server.url, authority.redis(Some(&known))).await, Ok(()));
    assert_says(knock(&server.url, other.redis(Some(&known))).await, "invalid peer certificate: BadSignature");
}

#[tokio::test]
async fn a_redis_by_another_name_than_its_certificates_is_not_spoken_to() {
    let authority = Authority::new().unwrap();
    let server = PrivateRedis::start_secured(&authority, &authority.server(&ADDRESS).unwrap()).await.unwrap();
    let known = authority.client("slipway").unwrap();
    let refused = knock(&server.url.replace("127.0.0.1", "localhost"), authority.redis(Some(&known))).await;
    assert_says(refused, "certificate not valid for name \"localhost\"");
}

#[tokio::test]
async fn a_redis_that_asks_for_a_certificate_takes_nobody_without_one() {
    let (authority, other) = (Authority::new().unwrap(), Authority::new().unwrap());
    let server = PrivateRedis::start_secured(&authority, &authority.server(&ADDRESS).unwrap()).await.unwrap();
    assert_says(knock(&server.url, authority.redis(None)).await, "CertificateRequired");
    let foreign = other.client("slipway").unwrap();
    assert_says(knock(&server.url, authority.redis(Some(&foreign))).await, "received fatal alert");
}

#[tokio::test]
async fn an_address_of_redis_without_tls_is_refused_where_tls_is_configured() {
    let authority = Authority::new().unwrap();
    let refused = knock("redis://127.0.0.1:6379/0", authority.redis(None)).await;
    assert_says(refused, "redis.tls is set and redis.url is not for TLS");
}
