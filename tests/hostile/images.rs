//! Images that mean harm, and images that are not what they were.

use std::{path::PathBuf, process::Stdio, sync::OnceLock, time::Duration};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use shared::config::{Config, Registry, Runtime, SecretSource};
use tests::{
    engine::{self, docker},
    registry::{self, PrivateRegistry},
    stack::{Options, Stack},
};
use tokio::io::AsyncWriteExt as _;

use crate::containers::{confined, id, options, outcome};

/// An image of one test's own, removed with it.
pub(crate) struct Image {
    pub(crate) name: String,
}

impl Image {
    /// Builds one on the image of scripts.
    pub(crate) async fn build(instructions: &str) -> anyhow::Result<Self> {
        let image = Self { name: format!("slipway-hostile/{}:1", uuid::Uuid::now_v7().simple()) };
        image.made_of(instructions).await?;
        Ok(image)
    }

    /// Takes the name of another. Returns its own id.
    async fn takes(&self, other: &Self) -> anyhow::Result<String> {
        docker(&["tag", &self.name, &other.name]).await?;
        Ok(docker(&["image", "inspect", "-f", "{{.Id}}", &self.name]).await?.trim().to_owned())
    }

    async fn made_of(&self, instructions: &str) -> anyhow::Result<()> {
        let mut child = tokio::process::Command::new("docker")
            .args(["build", "--force-rm", "--quiet", "--tag", &self.name, "-"])
            .env("DOCKER_BUILDKIT", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("docker is not installed; on Debian or Ubuntu: apt-get install docker.io")?;
        let mut input = child.stdin.take().context("no input")?;
        input.write_all(format!("FROM slipway/shell:1\n{instructions}\n").as_bytes()).await?;
        drop(input);
        let done = child.wait_with_output().await?;
        ensure!(done.status.success(), "docker build: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        let _ = std::process::Command::new("docker").args(["rmi", "--force", &self.name]).output();
    }
}

async fn runs(stack: &Stack, image: &str, script: &str) -> anyhow::Result<Value> {
    outcome(stack, "any-image", json!({"image": image, "script": script})).await
}

/// The outputs of a step in the image, which must end well.
async fn given(stack: &Stack, image: &str, script: &str) -> anyhow::Result<Value> {
    let run = runs(stack, image, script).await?;
    ensure!(run["status"] == "completed", "{run:#}\n{}", stack.client.logs(id(&run)?).await?);
    Ok(run["steps"][0]["outputs"].clone())
}

/// How the one step failed.
async fn refusal(stack: &Stack, image: &str) -> anyhow::Result<(String, String)> {
    let run = runs(stack, image, "true").await?;
    ensure!(run["status"] == "failed", "{run:#}");
    let step = &run["steps"][0];
    let text = |name: &str| step[name].as_str().unwrap_or_default().to_owned();
    Ok((text("error_code"), text("error_message")))
}

#[tokio::test]
async fn an_entrypoint_a_user_and_a_folder_of_the_image_s_choice_are_not_used() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let image = Image::build(
        "USER 0\nENTRYPOINT [\"/bin/sh\", \"-c\", \"touch /evil\"]\nCMD [\"evil\"]\nSTOPSIGNAL SIGKILL\nWORKDIR /proc/self/fd/8",
    )
    .await?;
    let script = "echo \"user=$(id -u):$(id -g)\" >> $SLIPWAY_OUTPUT; echo \"folder=$(pwd)\" >> $SLIPWAY_OUTPUT
        echo \"first=$(cat /proc/1/comm)\" >> $SLIPWAY_OUTPUT; ls /evil 2> /dev/null || echo \"evil=no\" >> $SLIPWAY_OUTPUT
        echo \"host=$(ls /proc/1/root 2> /dev/null | wc -l)\" >> $SLIPWAY_OUTPUT";
    assert_eq!(
        given(&stack, &image.name, script).await?,
        json!({"user": "65532:65532", "folder": "/workspace", "first": "init", "evil": "no", "host": "0"})
    );
    stack.finish().await
}

#[tokio::test]
async fn a_volume_of_the_image_s_is_a_small_place_in_memory_that_is_gone_with_the_step() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let before = docker(&["volume", "ls", "--quiet"]).await?;
    let image = Image::build("VOLUME /data\nVOLUME /workspace\nVOLUME /tmp").await?;
    let script = "set +e; head -c 200M /dev/zero > /data/x 2> /dev/null; echo \"size=$(stat -c %s /data/x)\" >> $SLIPWAY_OUTPUT
        cp /bin/true /workspace/true; rm /data/x; cp /bin/true /data/true; /data/true 2> /dev/null && echo \"runs=yes\" >> $SLIPWAY_OUTPUT
        echo \"kinds=$(stat -f -c %T /data /tmp | tr '\\n' ' ' | sed 's/ $//')\" >> $SLIPWAY_OUTPUT";
    assert_eq!(given(&stack, &image.name, script).await?, json!({"size": "67108864", "kinds": "tmpfs tmpfs"}));
    let after = docker(&["volume", "ls", "--quiet"]).await?;
    let new: Vec<&str> = after.lines().filter(|name| name.len() == 64 && !before.contains(name)).collect();
    assert!(new.is_empty(), "anonymous volumes are left: {new:?}");
    stack.finish().await
}

#[tokio::test]
async fn a_volume_where_the_kernel_or_slipway_lives_is_refused() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    for path in ["/proc/self/fd/8", "/.slipway/init", "/run/slipway/secrets", "/dev/shm"] {
        let image = Image::build(&format!("VOLUME {path}")).await?;
        let why = format!("image {}: it declares a volume at '{path}', which is not the image's to have", image.name);
        assert_eq!(refusal(&stack, &image.name).await?, ("StepFailed".to_owned(), why));
    }
    stack.finish().await
}

#[tokio::test]
async fn an_image_with_traps_where_slipway_mounts_is_refused() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    for trap in [
        "rm -rf /workspace && ln -s /proc/self /workspace",
        "rm -rf /workspace && ln -s / /workspace",
        "rm -rf /workspace && echo file > /workspace",
        "rm -rf /tmp && ln -s /proc/self/fd /tmp",
        "ln -s /proc /.slipway",
    ] {
        let image = Image::build(&format!("USER 0\nRUN {trap}")).await?;
        let why = "the engine refused: the image has something in the place of /workspace, /tmp, /run/slipway or /.slipway that no container can be given";
        assert_eq!(refusal(&stack, &image.name).await?, ("StepFailed".to_owned(), why.to_owned()), "{trap}");
    }
    stack.finish().await
}

#[tokio::test]
async fn an_environment_without_end_is_refused() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let many: String = (0..40).map(|n| format!("ENV HUGE{n}={}\n", "x".repeat(2_000))).collect();
    let image = Image::build(&many).await?;
    let (code, said) = refusal(&stack, &image.name).await?;
    assert_eq!(code, "StepFailed");
    assert!(said.contains("its ENV has 8") && said.ends_with(" bytes; an image may bring 65536"), "{said}");
    stack.finish().await
}

#[tokio::test]
async fn a_healthcheck_and_an_onbuild_of_the_image_s_never_run() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let image = Image::build(
        "HEALTHCHECK --interval=1s CMD touch /workspace/checked\nONBUILD RUN touch /built\nENV LD_PRELOAD=/nowhere.so BASH_ENV=/nowhere",
    )
    .await?;
    let script = "sleep 3; echo \"checked=$(ls checked 2> /dev/null)\" >> $SLIPWAY_OUTPUT; echo \"built=$(ls /built 2> /dev/null)\" >> $SLIPWAY_OUTPUT";
    assert_eq!(given(&stack, &image.name, script).await?, json!({"checked": "", "built": ""}));
    stack.finish().await
}

#[tokio::test]
async fn an_image_that_claims_our_labels_changes_nothing_of_who_owns_what() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let image = Image::build(
        "LABEL dev.slipway.instance=other dev.slipway.role=gate dev.slipway.for=victim dev.slipway.fence=0 dev.slipway.run=00000000-0000-0000-0000-000000000000 dev.slipway.deadline=0",
    )
    .await?;
    let inputs = json!({"image": image.name, "script": "echo up; sleep 3"});
    let run = stack.client.execute("any-image", &inputs).await?;
    let container = stack.step_prints("only", "up").await?;
    let labels: Value =
        serde_json::from_str(&docker(&["inspect", "-f", "{{json .Config.Labels}}", &container]).await?)?;
    let label = |name: &str| labels[format!("dev.slipway.{name}")].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        (label("instance"), label("role"), label("for")),
        (stack.instance.clone(), "step".into(), String::new())
    );
    assert_eq!((label("run"), label("fence")), (run.clone(), "1".into()));
    assert!(label("deadline").parse::<i64>()? > chrono::Utc::now().timestamp());
    assert_eq!(stack.run_becomes(&run, &["completed", "failed"]).await?["status"], "completed");
    stack.finish().await
}

#[tokio::test]
async fn an_image_that_is_not_in_the_list_does_not_run() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let id = docker(&["image", "inspect", "-f", "{{.Id}}", "slipway/shell:1"]).await?.trim().to_owned();
    let short = id.replace("sha256:", "")[..12].to_owned();
    for (image, why) in [
        ("alpine:3", "image alpine:3 may not run here: sandbox.images has no pattern for alpine and no step type's manifest names it outright".to_owned()),
        ("docker.io/slipway/shell:1", "image docker.io/slipway/shell:1 may not run here: sandbox.images has no pattern for docker.io/slipway/shell and no step type's manifest names it outright".to_owned()),
        (short.as_str(), format!("image {short} may not run here: sandbox.images has no pattern for {short} and no step type's manifest names it outright")),
        (id.as_str(), format!("'{id}' is not the name of an image, as registry.example/path:tag")),
        ("slipway/../shell:1", "'slipway/../shell:1' is not the name of an image, as registry.example/path:tag".to_owned()),
    ] {
        assert_eq!(refusal(&stack, image).await?, ("InvalidPlan".to_owned(), format!("step only: {why}")));
    }
    stack.finish().await
}

#[tokio::test]
async fn a_name_without_a_registry_is_never_pulled() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    assert_eq!(
        refusal(&stack, "slipway/nobody-made-this:1").await?,
        (
            "StepFailed".to_owned(),
            "image slipway/nobody-made-this:1: the engine does not have it, and a name without a registry is never pulled: write \
             registry.example/…, or put it on the engine"
                .to_owned()
        )
    );
    stack.finish().await
}

#[tokio::test]
async fn a_tag_that_moves_between_two_tries_has_no_effect_on_the_run() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let image = Image::build("RUN echo one > /mark || true\nUSER 0\nRUN echo one > /mark").await?;
    // Built before: between the two tries there is time to move a tag, and not to build.
    let other = Image::build("USER 0\nRUN echo two > /mark").await?;
    let kept = Image { name: format!("{}-kept", image.name.trim_end_matches(":1")) };
    let run = stack.client.execute("again", &json!({"image": image.name})).await?;
    stack
        .until("the first try has failed", Duration::from_secs(60), async || {
            Ok((stack.client.run(&run).await?["steps"][0]["attempts"][0]["status"] == "failed").then_some(()))
        })
        .await?;
    docker(&["tag", &image.name, &kept.name]).await?;
    let first = docker(&["image", "inspect", "-f", "{{.Id}}", &image.name]).await?.trim().to_owned();
    let second = other.takes(&image).await?;
    let over = stack.run_becomes(&run, &["completed", "failed"]).await?;
    assert_eq!(over["status"], "completed", "{over:#}");
    let ids: Vec<&Value> =
        over["steps"][0]["attempts"].as_array().context("no attempts")?.iter().map(|try_| &try_["image_id"]).collect();
    assert_eq!(ids, [&json!(first), &json!(first)]);
    let log = stack.client.logs(&run).await?;
    let notice = format!(
        "image {} is another by now ({}); this run keeps the one it began with ({})",
        image.name,
        &second[..19],
        &first[..19]
    );
    assert!(log.contains(&notice), "{log}");
    assert!(log.contains("one") && !log.contains("only | two"), "{log}");
    let next = given(&stack, &image.name, "echo \"mark=$(cat /mark)\" >> $SLIPWAY_OUTPUT").await?;
    assert_eq!(next, json!({"mark": "two"}), "a run that begins now takes what the name means now");
    stack.finish().await
}

#[tokio::test]
async fn a_run_whose_image_is_gone_fails_and_takes_no_other() -> anyhow::Result<()> {
    let stack = Stack::start(options()).await?;
    let image = Image::build("USER 0\nRUN echo one > /mark").await?;
    let other = Image::build("USER 0\nRUN echo two > /mark").await?;
    let first = docker(&["image", "inspect", "-f", "{{.Id}}", &image.name]).await?.trim().to_owned();
    let run = stack.client.execute("again", &json!({"image": image.name})).await?;
    stack
        .until("the first try has failed", Duration::from_secs(60), async || {
            Ok((stack.client.run(&run).await?["steps"][0]["attempts"][0]["status"] == "failed").then_some(()))
        })
        .await?;
    let second = other.takes(&image).await?;
    docker(&["rmi", "--force", &first]).await?;
    let over = stack.run_becomes(&run, &["completed", "failed"]).await?;
    let step = &over["steps"][0];
    assert_eq!((&over["status"], &step["error_code"]), (&json!("failed"), &json!("ImageChanged")));
    assert_eq!(
        step["error_message"],
        format!(
            "image {} is not the one that this run began with ({}), by now it is {}: start the run again to take what there is, or \
             name images by digest",
            image.name,
            &first[..19],
            &second[..19]
        )
    );
    stack.finish().await
}

/// The registry of the test of this process, and where its password is.
static REGISTRY: OnceLock<(String, PathBuf)> = OnceLock::new();

fn pulling(config: &mut Config) {
    confined(config);
    if let Some((host, password)) = REGISTRY.get() {
        config.sandbox.images.push(format!("{host}/acme/*"));
        config.sandbox.require_digests = true;
        let account = Registry { username: registry::USER.into(), password: SecretSource::File(password.clone()) };
        config.sandbox.pull.registries.insert(host.clone(), account);
    }
}

/// A registry with an image that the engine does not have any more; gives the image's name with its digest.
async fn stocked() -> anyhow::Result<(PrivateRegistry, String)> {
    let registry = PrivateRegistry::start().await?;
    let image = Image::build("USER 0\nRUN head -c 3000000 /dev/urandom > /large; echo pulled > /mark").await?;
    let digest = registry.push(&image.name, "acme/tool:1").await?;
    let name = format!("{}/acme/tool@{digest}", registry.host);
    REGISTRY
        .set((registry.host.clone(), registry.password_file.clone()))
        .map_err(|_| anyhow::anyhow!("one test a process: run them by nextest"))?;
    Ok((registry, name))
}

#[tokio::test]
async fn an_image_is_pulled_with_the_password_and_by_digest_whatever_its_tag_means_by_now() -> anyhow::Result<()> {
    let (registry, name) = stocked().await?;
    let stack = Stack::start(Options { configure: pulling, ..options() }).await?;
    let plain = format!("{}/acme/tool", registry.host);
    assert_eq!(
        refusal(&stack, &format!("{plain}:1")).await?.1,
        format!("step only: image {plain}:1 is not named by digest; sandbox.require_digests wants {plain}@sha256:…")
    );
    let other = Image::build("USER 0\nRUN echo moved > /mark").await?;
    registry.push(&other.name, "acme/tool:1").await?;
    let pulled = Image { name };
    let run = runs(&stack, &pulled.name, "echo \"mark=$(cat /mark)\" >> $SLIPWAY_OUTPUT").await?;
    assert_eq!(run["steps"][0]["outputs"], json!({"mark": "pulled"}), "{run:#}");
    let id = docker(&["image", "inspect", "-f", "{{.Id}}", &pulled.name]).await?;
    assert_eq!(run["steps"][0]["attempts"][0]["image_id"], id.trim());

    let nowhere = format!("{plain}@sha256:{}", "0".repeat(64));
    let (code, said) = refusal(&stack, &nowhere).await?;
    assert_eq!(code, "StepFailed");
    assert!(said.starts_with(&format!("image {nowhere}: ")) && said.contains("unknown"), "{said}");
    stack.finish().await
}

#[tokio::test]
async fn an_image_is_not_pulled_with_a_wrong_password_nor_when_it_is_too_large() -> anyhow::Result<()> {
    let (registry, name) = stocked().await?;
    let mut stack = Stack::start(Options { configure: pulling, ..options() }).await?;
    let pulled = Image { name };
    let file = stack.workers[0].recipe().environment.iter().find(|(name, _)| name == "SLIPWAY_CONFIG");
    let file = file.context("no configuration")?.1.clone();
    let whole: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
    let changes: [(&str, Value, &[&str]); 3] = [
        (
            &format!("/registries/{}/username", registry.host),
            json!("nobody"),
            &["no basic auth credentials", "unauthorized"],
        ),
        ("/max_mib", json!(1), &["it has more than 1 MiB (sandbox.pull.max_mib)"]),
        ("/policy", json!("never"), &["the engine does not have it, and sandbox.pull.policy is never"]),
    ];
    for (place, value, why) in changes {
        let mut config = whole.clone();
        *config["sandbox"]["pull"].pointer_mut(place).context("no such setting")? = value;
        std::fs::write(&file, config.to_string())?;
        stack.workers[0].kill9()?;
        stack.workers[0].restart()?;
        let (code, said) = refusal(&stack, &pulled.name).await?;
        assert_eq!(code, "StepFailed");
        assert!(why.iter().any(|why| said.contains(why)), "{said}");
    }
    stack.finish().await
}

#[tokio::test]
async fn a_worker_does_not_start_on_an_engine_without_the_runtime_it_is_to_use() -> anyhow::Result<()> {
    let mut stack = Stack::start(Options {
        workers: 0,
        configure: |config| config.sandbox.runtime = Some(Runtime::Runsc),
        ..options()
    })
    .await?;
    stack.add_worker()?;
    let worker = &mut stack.workers[0];
    tests::wait::until("the worker gives up", Duration::from_secs(30), async || Ok(worker.ended()?)).await?;
    let said = worker.last_words();
    assert!(
        said.contains("cannot serve this instance")
            && said.contains("sandbox.runtime is runsc, and the engine has only"),
        "{said}"
    );
    assert_eq!(stack.count("SELECT count(*) FROM worker").await?, 0, "it announced itself");
    stack.finish().await
}

#[tokio::test]
async fn what_a_worker_s_engine_gives_is_told_as_the_engine_tells_it() -> anyhow::Result<()> {
    let stack =
        Stack::start(Options { configure: |config| config.sandbox.runtime = Some(Runtime::Runc), ..options() }).await?;
    let worker = stack.client.get("/api/workers").await?["items"][0].clone();
    let posture = &worker["posture"];
    let info: Value = serde_json::from_str(&docker(&["info", "--format", "{{json .}}"]).await?)?;
    let listed = |name: &str| {
        info["SecurityOptions"]
            .as_array()
            .is_some_and(|all| all.iter().any(|one| one.as_str().is_some_and(|one| one.contains(name))))
    };
    assert_eq!((&posture["engine"], &posture["version"]), (&json!("docker"), &info["ServerVersion"]));
    assert_eq!((&posture["runtime"], &posture["live_restore"]), (&json!("runc"), &info["LiveRestoreEnabled"]));
    for (ours, theirs) in [
        ("seccomp", "seccomp"),
        ("apparmor", "apparmor"),
        ("selinux", "selinux"),
        ("rootless", "rootless"),
        ("user_namespaces", "userns"),
    ] {
        assert_eq!(posture[ours], listed(theirs), "{ours}");
    }
    for (ours, theirs) in [("memory", "MemoryLimit"), ("swap", "SwapLimit"), ("pids", "PidsLimit")] {
        assert_eq!(posture["limits"][ours], info[theirs], "{ours}");
    }
    assert_eq!(posture["images"]["allowed"], json!(["slipway/*"]));
    assert_eq!(
        posture["apparmor"] == false && posture["selinux"] == false,
        posture["weaknesses"].to_string().contains("neither AppArmor nor SELinux")
    );
    assert!(!engine::docker(&["info"]).await?.is_empty());
    stack.finish().await
}
