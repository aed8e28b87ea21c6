//! Code that means harm, run as a step: what becomes of it, and that nothing of it is left.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use shared::config::Config;
use tests::{
    engine::{self, Census},
    stack::{Options, Stack},
};

/// A stack with the steps of the `confined` provider.
pub(crate) fn options() -> Options {
    Options { lease_ttl_s: 30, configure: confined, ..Options::default() }
}

/// Adds the provider, and the images that tests make.
pub(crate) fn confined(config: &mut Config) {
    config.scheduler.providers.push(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/hostile").into());
    config.sandbox.images.push("slipway-hostile/*".into());
}

/// Starts a workflow and gives its run when it is over.
pub(crate) async fn outcome(stack: &Stack, workflow: &str, inputs: Value) -> anyhow::Result<Value> {
    let id = stack.client.execute(workflow, &inputs).await?;
    stack
        .until(&format!("the run of {workflow} is over"), Duration::from_secs(300), async || {
            let run = stack.client.run(&id).await?;
            Ok(run["status"]
                .as_str()
                .is_some_and(|status| ["completed", "failed", "cancelled"].contains(&status))
                .then_some(run))
        })
        .await
}

/// What the one step of a script gave back, when it ended well.
pub(crate) async fn outputs(stack: &Stack, script: &str) -> anyhow::Result<Value> {
    let run = outcome(stack, "script", json!({"script": script})).await?;
    ensure!(run["status"] == "completed", "{run:#}\n{}", stack.client.logs(id(&run)?).await?);
    Ok(run["steps"][0]["outputs"].clone())
}

pub(crate) fn id(run: &Value) -> anyhow::Result<&str> {
    run["id"].as_str().context("a run without an id")
}

/// A Perl script that tries system calls and gives back what came of each.
fn tries(calls: &[(&str, &str)]) -> String {
    let calls: Vec<String> = calls
        .iter()
        .map(|(name, call)| {
            format!("$! = 0; $r = {call}; print {{$out}} \"{name}=\", ($r == -1 ? \"$!\" : 'DONE'), \"\\n\";")
        })
        .collect();
    format!(
        "#!/usr/bin/perl\nopen(my $out, '>', $ENV{{SLIPWAY_OUTPUT}}); my $r; my $none = pack('x256');
my ($root, $tmp, $tmpfs, $device, $user, $word) = ('/', '/tmp', 'tmpfs', '/workspace/device', 'user', 'word');\n{}\n",
        calls.join("\n")
    )
}

/// Fails unless every call was answered with this error.
async fn assert_refused(calls: &[(&str, &str)], error: &str) -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let given = outputs(&stack, &tries(calls)).await?;
    let wanted: Value =
        calls.iter().map(|(name, _)| ((*name).to_owned(), json!(error))).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(given, wanted);
    stack.finish().await
}

const REFUSED: &str = "Operation not permitted";

#[tokio::test]
async fn a_fork_bomb_gets_no_more_processes_than_a_step_may_have() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let bomb = "#!/usr/bin/perl
        my $n = 0;
        while (1) { my $child = fork(); last unless defined $child; if (!$child) { sleep 600; exit } $n++ }
        my $why = \"$!\";
        open(my $out, '>', $ENV{SLIPWAY_OUTPUT}); print {$out} \"why=$why\\nmany=\", ($n > 200 && $n < 256 ? 'yes' : $n), \"\\n\";";
    let given = outputs(&stack, bomb).await?;
    assert_eq!(given, json!({"why": "Resource temporarily unavailable", "many": "yes"}));
    assert_eq!(Census::take(&stack.instance).await?, Census::default(), "the bomb's processes ended with the step");
    stack.finish().await
}

#[tokio::test]
async fn a_fork_bomb_that_never_rests_is_ended_by_its_time_limit() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let inputs = json!({"image": "slipway/shell:1", "script": ":(){ :|:& };: 2>/dev/null; while :; do sleep 1; done"});
    let id = stack.client.execute("any-image", &inputs).await?;
    stack
        .until("the bomb goes off", Duration::from_secs(30), async || {
            Ok((!engine::running(&stack.instance, "only").await?.is_empty()).then_some(()))
        })
        .await?;
    // The api answers meanwhile, and a person ends it.
    stack.client.post(&format!("/api/workflows/{id}/cancel"), &json!({"reason": "a bomb"})).await?.ok()?;
    let run = stack.run_becomes(&id, &["cancelled"]).await?;
    assert_eq!(run["steps"][0]["status"], "cancelled");
    assert_eq!(Census::take(&stack.instance).await?, Census::default());
    stack.finish().await
}

#[tokio::test]
async fn a_memory_hog_is_killed_and_its_failure_says_why() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let run = outcome(&stack, "script", json!({"script": "exec tail /dev/zero"})).await?;
    let step = &run["steps"][0];
    assert_eq!((&run["status"], &step["error_code"]), (&json!("failed"), &json!("StepFailed")));
    assert_eq!(step["error_message"], "exit code 137; it ran out of memory");
    assert_eq!(step["attempts"][0]["oom_killed"], true);
    stack.finish().await
}

#[tokio::test]
async fn a_tmpfs_is_full_at_its_own_size() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let script = "set +e
        fill() { head -c 200M /dev/zero > $1/fill 2> /workspace/why; why=$(grep -o 'No space left on device' /workspace/why)
          echo \"$2=$(stat -c %s $1/fill) ${why:-no error}\" >> $SLIPWAY_OUTPUT; rm $1/fill; }
        fill /tmp tmp; fill /run/slipway own; fill /dev/shm shm";
    assert_eq!(
        outputs(&stack, script).await?,
        json!({
            "tmp": "67108864 No space left on device",
            "own": "33554432 No space left on device",
            "shm": "67108864 No space left on device",
        })
    );
    stack.finish().await
}

#[tokio::test]
async fn a_log_flood_of_a_gigabyte_is_counted_and_its_run_ends() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let inputs = json!({"image": "slipway/shell:1", "script": "yes $(head -c 1023 /dev/zero | tr '\\0' x) | head -c 1073741824; echo over"});
    let run = outcome(&stack, "any-image", inputs).await?;
    assert_eq!(run["status"], "completed", "{run:#}");
    let kept = stack.count("SELECT sum(octet_length(text) + 1)::int8 FROM log_line").await?;
    assert!(kept < 16 * 1024 * 1024 + 256 * 1024, "{kept} bytes are kept");
    let lines = stack.count("SELECT count(*) FROM log_line WHERE stream = 'stdout'").await?;
    let left_out: String =
        sqlx::query_scalar("SELECT text FROM log_line WHERE stream = 'gap' ORDER BY cursor DESC LIMIT 1")
            .fetch_one(&stack.pool)
            .await?;
    let left_out: i64 = left_out.split(' ').next().context("no count")?.parse()?;
    let all = 1_073_741_824 / 1024 + 1;
    assert!((all..=all + 2).contains(&(lines + left_out)), "{lines} lines and {left_out} left out are not {all}");
    let last: String =
        sqlx::query_scalar("SELECT text FROM log_line ORDER BY cursor DESC LIMIT 1").fetch_one(&stack.pool).await?;
    assert_eq!(last, "over", "the end is what people look for");
    stack.finish().await
}

#[tokio::test]
async fn a_step_that_ignores_sigterm_is_killed_when_its_grace_is_over() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let script = "trap '' TERM INT HUP; echo deaf; while :; do sleep 1; done";
    let inputs = json!({"image": "slipway/shell:1", "script": script});
    let id = stack.client.execute("any-image", &inputs).await?;
    stack.step_prints("only", "deaf").await?;
    stack.client.post(&format!("/api/workflows/{id}/cancel"), &json!({"reason": "enough"})).await?.ok()?;
    let run = stack.run_becomes(&id, &["cancelled"]).await?;
    assert_eq!(run["steps"][0]["attempts"][0]["exit_code"], 137);
    assert_eq!(Census::take(&stack.instance).await?, Census::default());
    stack.finish().await
}

#[tokio::test]
async fn a_daemon_that_a_step_leaves_behind_ends_with_it() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let first = "setsid bash -c '(trap \"\" TERM HUP; while :; do echo x >> /workspace/alive; sleep 0.05; done) & disown' > /dev/null 2>&1 < /dev/null &
        while [ ! -s /workspace/alive ]; do sleep 0.05; done";
    let second =
        "before=$(stat -c %s alive); sleep 1; test $(stat -c %s alive) = $before && echo \"OUTPUT_daemon=gone\"";
    let run = outcome(&stack, "one-after-the-other", json!({"first": first, "second": second})).await?;
    assert_eq!(run["steps"][1]["outputs"], json!({"daemon": "gone"}), "{run:#}");
    stack.finish().await
}

#[tokio::test]
async fn a_setuid_program_raises_nothing() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let image = crate::images::Image::build(
        "USER 0\nRUN cp /usr/bin/id /usr/local/bin/raise && chmod 6755 /usr/local/bin/raise",
    )
    .await?;
    // An own copy in the workspace, where programs run, can be no more than its owner.
    let script = "cp /usr/bin/id own; chmod 6755 own
        echo \"image=$(stat -c %a /usr/local/bin/raise) $(raise -u) $(raise -g)\" >> $SLIPWAY_OUTPUT
        echo \"own=$(./own -u)\" >> $SLIPWAY_OUTPUT; grep NoNewPrivs /proc/self/status | tr '\\t:' '= ' | sed 's/ =/=/' >> $SLIPWAY_OUTPUT
        su -c id 2> why || true; echo \"su=$(head -c 100 why)\" >> $SLIPWAY_OUTPUT";
    let run = outcome(&stack, "any-image", json!({"image": image.name, "script": script})).await?;
    let given = &run["steps"][0]["outputs"];
    assert_eq!((&given["image"], &given["own"]), (&json!("6755 65532 65532"), &json!("65532")), "{run:#}");
    assert!(given["su"].as_str().is_some_and(|said| !said.is_empty() && !said.contains("uid=0")), "{given}");
    stack.finish().await
}

#[tokio::test]
async fn mounts_and_other_roots_are_refused() -> anyhow::Result<()> {
    let calls = [
        ("mount", "syscall(165, $word, $tmp, $tmpfs, 0, 0)"),
        ("bind", "syscall(165, $root, $tmp, 0, 4096, 0)"),
        ("umount", "syscall(166, $tmp, 0)"),
        ("pivot_root", "syscall(155, $tmp, $tmp)"),
        ("chroot", "syscall(161, $tmp)"),
        ("fsopen", "syscall(430, $tmpfs, 0)"),
        ("open_tree", "syscall(428, -100, $root, 1)"),
        ("move_mount", "syscall(429, -100, $root, -100, $tmp, 0)"),
        ("open_by_handle_at", "syscall(304, -100, $none, 0)"),
        ("mknod_device", "syscall(133, $device, 0020666, 259)"),
        ("swapon", "syscall(167, $tmp, 0)"),
    ];
    assert_refused(&calls, REFUSED).await
}

#[tokio::test]
async fn namespaces_are_neither_made_nor_entered() -> anyhow::Result<()> {
    let calls = [
        ("unshare_user", "syscall(272, 0x10000000)"),
        ("unshare_mount", "syscall(272, 0x00020000)"),
        ("unshare_net", "syscall(272, 0x40000000)"),
        ("unshare_pid", "syscall(272, 0x20000000)"),
        ("clone_user", "syscall(56, 0x10000000 | 17, 0, 0, 0, 0)"),
        ("clone_cgroup", "syscall(56, 0x02000000 | 17, 0, 0, 0, 0)"),
        ("setns", "syscall(308, 0, 0)"),
        ("sethostname", "syscall(170, $word, 4)"),
    ];
    assert_refused(&calls, REFUSED).await
}

#[tokio::test]
async fn io_uring_is_refused() -> anyhow::Result<()> {
    let calls = [
        ("setup", "syscall(425, 1, $none)"),
        ("enter", "syscall(426, 0, 1, 0, 0, 0, 0)"),
        ("register", "syscall(427, 0, 0, 0, 0)"),
    ];
    assert_refused(&calls, REFUSED).await
}

#[tokio::test]
async fn sockets_that_speak_to_the_kernel_or_to_the_wire_are_refused() -> anyhow::Result<()> {
    let calls = [
        ("raw", "syscall(41, 2, 3, 1)"),
        ("raw6", "syscall(41, 10, 3, 58)"),
        ("packet", "syscall(41, 17, 3, 0x0300)"),
        ("alg", "syscall(41, 38, 5, 0)"),
        ("vsock", "syscall(41, 40, 1, 0)"),
        ("bluetooth", "syscall(41, 31, 3, 0)"),
        ("xdp", "syscall(41, 44, 3, 0)"),
        ("socketpair_vsock", "syscall(53, 40, 1, 0, $none)"),
    ];
    assert_refused(&calls, REFUSED).await?;
    assert_refused(&[("netlink", "syscall(41, 16, 3, 0)")], "Address family not supported by protocol").await
}

#[tokio::test]
async fn what_looks_into_the_kernel_or_into_others_is_refused() -> anyhow::Result<()> {
    let calls = [
        ("ptrace", "syscall(101, 0, 0, 0, 0)"),
        ("process_vm_readv", "syscall(310, 1, 0, 0, 0, 0, 0)"),
        ("process_vm_writev", "syscall(311, 1, 0, 0, 0, 0, 0)"),
        ("pidfd_getfd", "syscall(438, 0, 0, 0)"),
        ("kcmp", "syscall(312, 1, 1, 0, 0, 0)"),
        ("bpf", "syscall(321, 0, $none, 64)"),
        ("perf_event_open", "syscall(298, $none, 0, -1, -1, 0)"),
        ("userfaultfd", "syscall(323, 0)"),
        ("add_key", "syscall(248, $user, $word, $word, 1, -3)"),
        ("keyctl", "syscall(250, 0, -3, 1)"),
        ("init_module", "syscall(175, $none, 10, $word)"),
        ("finit_module", "syscall(313, 0, $word, 0)"),
        ("kexec_load", "syscall(246, 0, 0, 0, 0)"),
        ("syslog", "syscall(103, 3, $none, 10)"),
        ("reboot", "syscall(169, 0xfee1dead, 672274793, 0x01234567, 0)"),
        ("iopl", "syscall(172, 3)"),
        ("personality", "syscall(135, 0x0040000)"),
    ];
    assert_refused(&calls, REFUSED).await
}

#[tokio::test]
async fn links_and_devices_in_a_workspace_lead_to_nothing_of_the_host_s() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    // The host's file of that name is its root's alone, and so is the image's.
    let first = "set +e
        ln -s /etc/shadow shadow; ln -s / root; mkdir deep; ln -s ../../../../../../etc/shadow deep/up
        ln /etc/passwd hard 2> why; echo hard=$(grep -o 'Invalid cross-device link' why) >> given
        mknod device c 1 1 2> why; echo device=$(grep -o 'Operation not permitted' why) >> given
        mkfifo pipe; echo kept > file; ln file twin
        rm -rf $(dirname $SLIPWAY_OUTPUT); ln -s /etc $(dirname $SLIPWAY_OUTPUT)";
    let second = "set +e
        echo \"link=$(readlink shadow)\" >> $SLIPWAY_OUTPUT; cat shadow > /dev/null 2> why
        echo \"read=$(grep -o 'Permission denied' why)\" >> $SLIPWAY_OUTPUT; cat deep/up > /dev/null 2> why
        echo \"up=$(grep -o 'Permission denied' why)\" >> $SLIPWAY_OUTPUT
        echo \"kinds=$(stat -c %F pipe twin device 2> /dev/null | tr '\\n' ',')\" >> $SLIPWAY_OUTPUT
        cat given >> $SLIPWAY_OUTPUT";
    let run = outcome(&stack, "one-after-the-other", json!({"first": first, "second": second})).await?;
    assert_eq!(run["steps"][0]["outputs"], json!({}), "a folder of outputs that is a link gives nothing: {run:#}");
    assert_eq!(
        run["steps"][1]["outputs"],
        json!({
            "link": "/etc/shadow", "read": "Permission denied", "up": "Permission denied",
            "kinds": "fifo,regular file,", "hard": "Invalid cross-device link", "device": "Operation not permitted",
        }),
        "{run:#}"
    );
    stack.finish().await
}

#[tokio::test]
async fn a_checkpoint_with_links_to_the_host_s_files_is_restored_as_links() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options { lease_ttl_s: 3, ..options() }).await?;
    let first = "ln -s /etc/shadow shadow; rm -rf .slipway; ln -s /etc .slipway";
    let second = "echo here; if [ $SLIPWAY_ATTEMPT = 1 ]; then sleep 600; fi
        echo \"OUTPUT_link=$(readlink shadow)\"; echo \"OUTPUT_own=$(stat -c %F .slipway)\"";
    let id = stack.client.execute("one-after-the-other", &json!({"first": first, "second": second})).await?;
    stack.step_prints("second", "here").await?;
    // Another worker has only what the archive gives it.
    stack.add_worker()?;
    stack.workers[0].kill9()?;
    let run = stack.run_becomes(&id, &["completed", "failed"]).await?;
    assert_eq!(run["steps"][1]["outputs"], json!({"link": "/etc/shadow", "own": "directory"}), "{run:#}");
    stack.finish().await
}
