//! Login by a code that a person types in a browser anywhere.

use std::time::Duration;

use anyhow::Context as _;
use serde::Deserialize;
use serde_json::json;

use super::{Granted, exchange, own_name};
use crate::{
    client::{Client, is_passing},
    failure::Failure,
    output::{clean, complain},
};

/// Seconds between two polls at least, whatever the server says.
const LEAST_S: u64 = 1;

#[derive(Deserialize)]
struct Asked {
    device_code: String,
    user_code: String,
    verification_uri: String,
    expires_in: u64,
    interval: u64,
}

/// Logs in.
///
/// # Errors
/// When the person refuses, or nobody types the code in time.
pub(super) async fn log_in(client: &Client) -> anyhow::Result<Granted> {
    let (_, answer) = client.post_once("/api/login/device", json!({ "client": own_name() })).await?;
    let asked: Asked = serde_json::from_value(answer).context("the server's answer holds no code")?;
    let (page, code) = (clean(&asked.verification_uri), clean(&asked.user_code));
    complain!("Open {page} in a browser anywhere, log in, and type this code there:\n\n  {code}\n");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(asked.expires_in);
    let mut interval = asked.interval.max(LEAST_S);
    loop {
        tokio::time::sleep(Duration::from_secs(interval)).await;
        anyhow::ensure!(
            tokio::time::Instant::now() < deadline,
            "nobody typed the code in time; `slipway login --device` begins again"
        );
        let grant = json!({ "grant": "device", "device_code": asked.device_code });
        match exchange(client, grant).await {
            Ok(granted) => return Ok(granted),
            Err(error) => match error.downcast_ref::<Failure>() {
                Some(Failure::Problem(problem)) if problem.is("authorization-pending") => {}
                Some(Failure::Problem(problem)) if problem.is("slow-down") => interval += 5,
                // The server is away for a moment; the code stays good.
                _ if is_passing(&error) => {}
                _ => return Err(error),
            },
        }
    }
}
