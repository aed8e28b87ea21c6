//! What Prometheus' own tool says of figures and rules.

use std::{path::Path, process::Stdio};

use anyhow::Context as _;
use tokio::{io::AsyncWriteExt as _, process::Command};

/// Runs `promtool` with `input`; gives whether it is content, and what it says.
///
/// # Errors
/// When there is none; the message says what to install.
pub async fn promtool(arguments: &[&str], folder: &Path, input: &str) -> anyhow::Result<(bool, String)> {
    let mut child = Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("promtool cannot be run: `apt-get install prometheus` brings it, and so does `deploy/local/packages.sh tests`")?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Ok((output.status.success(), said))
}

/// The value of one series, as `name{label="value"}`, in the text format; none when it is not there.
#[must_use]
pub fn value_of(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.trim().parse().ok())
}
