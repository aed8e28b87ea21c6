//! What a step can do in its container, and what it cannot.

use anyhow::Context as _;
use serde_json::json;
use tests::{
    engine,
    settled::{assert_settled, nothing_is_left},
    stack::{Options, Stack},
};

use super::{step, text, with_tenants};

#[tokio::test]
async fn parallel_steps_run_at_once_and_files_are_carried_from_step_to_step() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let run = stack.client.execute("diamond", &json!({})).await?;
    let over = stack.run_becomes(&run, &["completed", "failed"]).await?;
    assert_eq!(over["status"], "completed", "{over:#}");
    assert_eq!(over["outputs"]["all"], "top left right ");
    let times = |name: &str| -> anyhow::Result<(String, String)> {
        let step = step(&over, name)?;
        Ok((text(step, "started_at")?.to_owned(), text(step, "finished_at")?.to_owned()))
    };
    let (left, right) = (times("left")?, times("right")?);
    assert!(left.0 < right.1 && right.0 < left.1, "one waited for the other: {left:?} {right:?}");
    assert!(stack.client.logs(&run).await?.contains("left has top and carried"));
    assert_settled(&stack, &[]).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_step_finds_itself_shut_in() -> anyhow::Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let script = r#"
        id -u
        grep -E '^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' /proc/self/status | tr '\t' ' '
        echo "interfaces $(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | tr '\n' ' ')"
        if touch /usr/here 2> /dev/null; then echo root writable; else echo root read-only; fi
        ls /var/run/docker.sock > /dev/null 2>&1 && echo socket
        echo "secrets in the environment: $(env | grep -ci password)"
        unshare --user true 2> /dev/null && echo namespaces
        echo over"#;
    let run = stack.client.execute("script", &json!({"script": script})).await?;
    let over = stack.run_becomes(&run, &["completed", "failed"]).await?;
    assert_eq!(over["status"], "completed", "{over:#}");
    let log = stack.client.logs(&run).await?;
    let said = |line: &str| log.lines().any(|found| found.ends_with(line));
    for line in [
        "65532",
        "CapInh: 0000000000000000",
        "CapPrm: 0000000000000000",
        "CapEff: 0000000000000000",
        "CapBnd: 0000000000000000",
        "CapAmb: 0000000000000000",
        "NoNewPrivs: 1",
        "Seccomp: 2",
        "interfaces lo ",
        "root read-only",
        "secrets in the environment: 0",
        "over",
    ] {
        assert!(said(line), "'{line}' is missing:\n{log}");
    }
    assert!(!said("socket") && !said("namespaces"), "{log}");
    stack.finish().await
}

#[tokio::test]
async fn a_step_with_egress_reaches_its_one_address_and_nothing_else() -> anyhow::Result<()> {
    let stack = Stack::start(with_tenants()).await?;
    let own: u16 = stack
        .config
        .database
        .url
        .rsplit(':')
        .next()
        .and_then(|rest| rest.split('/').next())
        .context("no port")?
        .parse()?;
    let bridge = engine::bridge_address()?;
    let tenants = stack.tenants.as_ref().context("no tenants")?.port;
    let script = format!(
        r#"
        probe() {{ if timeout 3 bash -c "exec 3<>/dev/tcp/$1/$2" 2> /dev/null; then echo "$3 open"; else echo "$3 shut"; fi; }}
        probe tenant-postgres {tenants} tenants
        probe {bridge} {own} own-by-bridge
        probe 172.17.0.1 22 host
        probe 169.254.169.254 80 metadata"#
    );
    let run =
        stack.client.execute("reach", &json!({"script": script, "host": "tenant-postgres", "port": tenants})).await?;
    let over = stack.run_becomes(&run, &["completed", "failed"]).await?;
    assert_eq!(over["status"], "completed", "{over:#}\n{}", stack.client.logs(&run).await?);
    let log = stack.client.logs(&run).await?;
    for line in ["tenants open", "own-by-bridge shut", "host shut", "metadata shut"] {
        assert!(log.lines().any(|found| found.ends_with(line)), "'{line}' is missing:\n{log}");
    }
    nothing_is_left(&stack).await?;
    stack.finish().await
}
