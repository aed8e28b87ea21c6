//! Services that mean harm, services that are left alone, and steps that fill the disk.

use std::time::Duration;

use serde_json::{Value, json};
use shared::config::Config;
use tests::{
    engine::{self, Census, docker},
    stack::{Options, Stack},
};

use crate::{
    containers::{confined, id, outcome},
    images::Image,
};

/// A stack whose instance allows services, and steps that write to their root.
fn options() -> Options {
    fn configure(config: &mut Config) {
        confined(config);
        config.sandbox.internal_network = true;
        config.sandbox.writable_root = true;
    }
    Options { configure, ..crate::containers::options() }
}

/// What the service of a run printed.
async fn printed(stack: &Stack) -> anyhow::Result<Vec<String>> {
    let sql = "SELECT text FROM log_line WHERE step = 'service:db' AND stream IN ('stdout', 'stderr') ORDER BY cursor";
    Ok(sqlx::query_scalar(sql).fetch_all(&stack.pool).await?)
}

/// Names of the services' containers that run.
async fn running(stack: &Stack) -> anyhow::Result<Vec<String>> {
    let instance = format!("label=dev.slipway.instance={}", stack.instance);
    let role = "label=dev.slipway.role=service";
    let found = docker(&["ps", "--filter", &instance, "--filter", role, "--format", "{{.Names}}"]).await?;
    Ok(found.lines().map(str::to_owned).collect())
}

/// What a run made goes just after its end is known.
async fn nothing_is_left(stack: &Stack) -> anyhow::Result<()> {
    stack
        .until("nothing is left on the engine", Duration::from_secs(90), async || {
            Ok(Census::take(&stack.instance).await?.is_empty().then_some(()))
        })
        .await
}

#[tokio::test]
async fn the_user_the_entrypoint_and_the_volumes_of_a_service_s_image_are_not_used() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let image = Image::build(
        "USER 0\nENTRYPOINT [\"/bin/sh\", \"-c\", \"echo entrypoint; sleep 600\"]\nCMD [\"evil\"]\nVOLUME /data\nWORKDIR /proc/self/fd/8
        HEALTHCHECK --interval=1s CMD touch /data/checked",
    )
    .await?;
    let serve = "id -u; id -g; pwd; cat /proc/1/comm; stat -f -c %T /data; head -c 200M /dev/zero > /data/x 2> /dev/null; stat -c %s /data/x
        ls /workspace /.slipway/init; sleep 2; ls /data; echo looked; sleep 600";
    let asks = "test $(id -u) = 65532 && test -e /data/x";
    let inputs = json!({"image": image.name, "serve": serve, "asks": asks, "script": "sleep 5"});
    let run = outcome(&stack, "served", inputs).await?;
    assert_eq!(run["status"], "completed", "{run:#}\n{}", stack.client.logs(id(&run)?).await?);
    let wanted = ["65532", "65532", "/tmp", "init", "tmpfs", "67108864", "/.slipway/init"];
    let printed = printed(&stack).await?;
    assert_eq!(printed[..wanted.len()], wanted, "{printed:?}");
    assert_eq!(printed[printed.len() - 2..], ["x", "looked"], "{printed:?}");
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_service_that_floods_its_log_is_counted_and_its_step_goes_on() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let serve = "yes $(head -c 1023 /dev/zero | tr '\\0' x) | head -c 1073741824; echo over; sleep 600";
    let inputs = json!({"serve": serve, "script": "sleep 10; echo \"step=went on\" >> $SLIPWAY_OUTPUT"});
    let run = outcome(&stack, "beside", inputs).await?;
    assert_eq!(run["steps"][0]["outputs"], json!({"step": "went on"}), "{run:#}");
    let kept = stack.count("SELECT sum(octet_length(text) + 1)::int8 FROM log_line WHERE step = 'service:db'").await?;
    assert!((1024..16 * 1024 * 1024 + 256 * 1024).contains(&kept), "{kept} bytes are kept");
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_fork_bomb_in_a_service_ends_with_it() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let bomb =
        "perl -e 'my $n = 0; while (1) { my $c = fork(); last unless defined $c; if (!$c) { sleep 600; exit } $n++ }
        $| = 1; print \"$!\\n\", ($n > 200 && $n < 256 ? \"bounded\" : $n), \"\\n\"; sleep 600'";
    let run = outcome(&stack, "beside", json!({"serve": bomb, "script": "sleep 5"})).await?;
    assert_eq!(run["status"], "completed", "{run:#}");
    assert_eq!(printed(&stack).await?, ["Resource temporarily unavailable", "bounded"]);
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_service_that_ignores_every_signal_goes_when_its_run_is_cancelled() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let inputs = json!({"serve": "trap '' TERM INT HUP; while :; do sleep 1; done", "script": "echo in; sleep 600"});
    let run = stack.client.execute("served", &inputs).await?;
    stack.step_prints("only", "in").await?;
    assert_eq!(running(&stack).await?.len(), 1);
    stack.client.post(&format!("/api/workflows/{run}/cancel"), &json!({"reason": "enough"})).await?.ok()?;
    stack.run_becomes(&run, &["cancelled"]).await?;
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_service_whose_worker_was_killed_ends_by_itself_and_the_next_worker_starts_another() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { lease_ttl_s: 6, ..options() }).await?;
    let serve = "echo \"start $SLIPWAY_ATTEMPT\"; perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 6); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1);
        bind(S, sockaddr_in(8080, INADDR_ANY)); listen(S, 9); while (accept(C, S)) { print C \"answered\\n\"; close C }'";
    let asks = "exec 3<>/dev/tcp/localhost/8080";
    let script = "if [ $SLIPWAY_ATTEMPT = 1 ]; then echo in; sleep 600; fi
        exec 3<>/dev/tcp/db/8080; read -r line <&3; echo \"said=$line\" >> $SLIPWAY_OUTPUT";
    let run = stack.client.execute("served", &json!({"serve": serve, "asks": asks, "script": script})).await?;
    stack.step_prints("only", "in").await?;
    let first = running(&stack).await?;
    assert_eq!(first.len(), 1);
    stack.workers[0].kill9()?;
    // Nobody is there to end it but the init inside it.
    stack
        .until("the dead worker's service has ended by itself", Duration::from_secs(60), async || {
            Ok((!running(&stack).await?.contains(&first[0])).then_some(()))
        })
        .await?;
    stack.add_worker()?;
    let over = stack.run_becomes(&run, &["completed", "failed"]).await?;
    assert_eq!(over["steps"][0]["outputs"], json!({"said": "answered"}), "{over:#}");
    let printed = printed(&stack).await?;
    assert_eq!(printed, ["start 1", "start 2"]);
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn services_of_a_run_that_is_over_are_swept_when_its_worker_was_killed() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { lease_ttl_s: 6, ..options() }).await?;
    let inputs = json!({"serve": "sleep 600", "script": "echo in; sleep 600"});
    let run = stack.client.execute("served", &inputs).await?;
    stack.step_prints("only", "in").await?;
    stack.workers[0].kill9()?;
    stack.client.post(&format!("/api/workflows/{run}/cancel"), &json!({"reason": "enough"})).await?.ok()?;
    stack.add_worker()?;
    stack.run_becomes(&run, &["cancelled"]).await?;
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_service_is_given_no_image_that_the_instance_does_not_list() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    for (image, why) in [
        ("alpine:3", "service db: image alpine:3 may not run here: sandbox.images has no pattern for alpine"),
        (
            "registry.example/x:1",
            "service db: image registry.example/x:1 may not run here: sandbox.images has no pattern for registry.example/x",
        ),
        ("/etc", "service db: '/etc' is not the name of an image, as registry.example/path:tag"),
    ] {
        let run = outcome(&stack, "served", json!({"image": image, "serve": "true"})).await?;
        let step = &run["steps"][0];
        assert_eq!((&step["error_code"], &step["error_message"]), (&json!("InvalidPlan"), &Value::from(why)));
    }
    nothing_is_left(&stack).await?;
    stack.finish().await
}

#[tokio::test]
async fn a_step_that_fills_its_workspace_is_ended_and_named_for_it() -> anyhow::Result<()> {
    fn configure(config: &mut Config) {
        confined(config);
        config.sandbox.writable_root = true;
        config.worker.max_workspace_bytes = 48 * 1024 * 1024;
    }
    let stack = Stack::start(Options { configure, ..options() }).await?;
    let many = "while :; do n=$((n+1)); mkdir -p d$((n % 50)); head -c 300000 /dev/urandom > d$((n % 50))/$n; sleep 0.01; done";
    // A root that can be written to counts as well: what is in it is as much on the disk.
    let root = "while :; do head -c 1000000 /dev/urandom >> /var/tmp/fill; sleep 0.02; done";
    // Deeper than any path can say.
    let deep = "exec perl -e 'my $n = \"n\" x 200; (mkdir($n) && chdir($n)) || die for 1..3000;
        while (1) { open(my $f, \">>\", \"fill\"); print {$f} \"x\" x 500000; close($f); select(undef, undef, undef, 0.02) }'";
    let scripts =
        [("script", format!("trap '' TERM; {many}")), ("script", deep.to_owned()), ("loose", root.to_owned())];
    for (workflow, script) in scripts {
        let run = outcome(&stack, workflow, json!({"script": script})).await?;
        let step = &run["steps"][0];
        assert_eq!((&run["status"], &step["error_code"]), (&json!("failed"), &json!("WorkspaceFull")), "{run:#}");
        assert_eq!(
            step["error_message"],
            "its workspace grew beyond 50331648 bytes (worker.max_workspace_bytes) while it ran, so it was ended"
        );
        assert_eq!(step["attempts"][0]["exit_code"], 137);
        nothing_is_left(&stack).await?;
    }
    // Those that are within it are not disturbed by being looked at.
    let run = outcome(&stack, "script", json!({"script": "head -c 30000000 /dev/urandom > x; sleep 3; rm x"})).await?;
    assert_eq!(run["status"], "completed", "{run:#}");
    assert!(engine::running(&stack.instance, "only").await?.is_empty());
    stack.finish().await
}
