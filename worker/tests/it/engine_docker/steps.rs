//! One step's life: hand-over, output, deadline, stop.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use worker::engine::{Engine, EngineError, HandOver, OutputStream, StepFile};

use super::stage::{Stage, docker, script, stderr, stdout, until};

#[tokio::test]
async fn a_step_returns_its_output_in_order_and_its_exit_code() {
    let stage = Stage::new().await;
    let (lines, exit) =
        stage.run(&stage.spec("hello"), &script("echo one; echo two >&2; echo; printf three; exit 7")).await;
    assert_eq!(stdout(&lines), "one\n\nthree");
    assert_eq!(stderr(&lines), "two");
    assert_eq!((exit.code, exit.oom_killed, exit.infrastructure), (7, false, false));
    stage.strike().await;
}

#[tokio::test]
async fn fifty_thousand_lines_arrive_complete_and_in_order() {
    let stage = Stage::new().await;
    let (lines, exit) = stage.run(&stage.spec("chatty"), &script("seq 1 50000")).await;
    assert_eq!(exit.code, 0);
    assert_eq!(lines.len(), 50_000);
    assert!(lines.iter().zip(1..).all(|(line, number)| line.text == number.to_string()));
    stage.strike().await;
}

#[tokio::test]
async fn a_long_line_comes_in_parts_and_whole() {
    let stage = Stage::new().await;
    let (lines, _) =
        stage.run(&stage.spec("long"), &script("head -c 100000 /dev/zero | tr '\\0' x; echo; echo end")).await;
    let (end, parts) = lines.split_last().unwrap();
    assert_eq!(end.text, "end");
    assert!(parts.iter().all(|part| part.text.len() <= 16 * 1024));
    assert_eq!(parts.iter().map(|part| part.text.len()).sum::<usize>(), 100_000);
    stage.strike().await;
}

#[tokio::test]
async fn environment_and_files_reach_the_step_and_not_inspect() {
    let stage = Stage::new().await;
    let mut command = script(
        "echo $TOKEN; cat /run/slipway/secrets/key; /run/slipway/files/tool; stat -c %a /run/slipway/secrets/key",
    );
    command.env.insert("TOKEN".into(), "hunter2-env".into());
    let file = |path: &str, mode, content: &str| StepFile {
        path: path.into(),
        mode,
        content: Bytes::copy_from_slice(content.as_bytes()),
    };
    command.files = vec![
        file("/run/slipway/secrets/key", 0o400, "hunter2-file\n"),
        file("/run/slipway/files/tool", 0o700, "#!/bin/sh\necho tool ran\n"),
    ];
    let name = stage.engine.prepare(&stage.spec("secret")).await.unwrap();
    let output = stage.engine.hand_over(&name, &command).await.unwrap();
    let inspected = docker(&["inspect", &name]).await;
    assert!(!inspected.contains("hunter2"), "a secret shows");
    let lines: Vec<_> = output.collect().await;
    assert_eq!(stdout(&lines), "hunter2-env\nhunter2-file\ntool ran\n400", "{}", stderr(&lines));
    stage.strike().await;
}

#[tokio::test]
async fn a_hand_over_of_several_mebibytes_arrives_whole() {
    let stage = Stage::new().await;
    let mut command = script("sha256sum < /run/slipway/files/big");
    let content = Bytes::from((0..4_000_000_u32).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&content));
    command.files = vec![StepFile { path: "/run/slipway/files/big".into(), mode: 0o600, content }];
    let (lines, _) = stage.run(&stage.spec("big"), &command).await;
    assert_eq!(stdout(&lines), format!("{digest}  -"));
    stage.strike().await;
}

#[tokio::test]
async fn a_file_outside_its_folder_is_refused() {
    let stage = Stage::new().await;
    let mut command = script("echo ran");
    command.files =
        vec![StepFile { path: "/run/slipway/../../workspace/x".into(), mode: 0o600, content: Bytes::from("x") }];
    let (lines, exit) = stage.run(&stage.spec("outside"), &command).await;
    assert_eq!(exit.code, 125);
    assert_eq!(stdout(&lines), "");
    stage.strike().await;
}

#[tokio::test]
async fn a_command_that_is_not_there_or_no_program_says_so() {
    let stage = Stage::new().await;
    let command = HandOver { argv: vec!["terraforn".into()], ..script("") };
    let (lines, exit) = stage.run(&stage.spec("missing"), &command).await;
    assert_eq!(exit.code, 127);
    assert!(stderr(&lines).contains("terraforn: not found"), "{}", stderr(&lines));
    let command = HandOver { argv: vec!["/etc/hostname".into()], ..script("") };
    let (lines, exit) = stage.run(&stage.spec("data"), &command).await;
    assert_eq!(exit.code, 126);
    assert!(stderr(&lines).contains("cannot be executed"), "{}", stderr(&lines));
    stage.strike().await;
}

#[tokio::test]
async fn a_step_that_nobody_renews_is_ended_by_its_init() {
    let stage = Stage::new().await;
    let mut command = script("sleep 600");
    command.deadline = Duration::from_millis(500);
    let (lines, exit) = stage.run(&stage.spec("frozen"), &command).await;
    assert_eq!(exit.code, 143);
    assert!(exit.infrastructure, "says nothing about the step");
    assert!(stderr(&lines).contains("no longer renews"));
    stage.strike().await;
}

#[tokio::test]
async fn a_step_that_is_renewed_lives_past_its_first_deadline() {
    let stage = Stage::new().await;
    let mut command = script("sleep 4; echo alive");
    command.deadline = Duration::from_millis(1500);
    let name = stage.engine.prepare(&stage.spec("renewed")).await.unwrap();
    let output = stage.engine.hand_over(&name, &command).await.unwrap();
    let engine = stage.engine.clone();
    let renewed = name.clone();
    let renewing = tokio::spawn(async move {
        loop {
            engine.renew(&renewed, Duration::from_secs(30)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(400)).await;
        }
    });
    let lines: Vec<_> = output.collect().await;
    renewing.abort();
    assert_eq!(stdout(&lines), "alive");
    assert_eq!(stage.engine.wait(&name).await.unwrap().code, 0);
    stage.strike().await;
}

#[tokio::test]
async fn another_worker_can_renew_and_stop_a_step() {
    let stage = Stage::new().await;
    let name = stage.engine.prepare(&stage.spec("shared")).await.unwrap();
    let mut command = script("echo up; sleep 3; echo survived; sleep 600");
    command.deadline = Duration::from_secs(2);
    let mut output = stage.engine.hand_over(&name, &command).await.unwrap();
    until(&mut output, "up").await;
    let other = worker::engine::docker::DockerEngine::connect(super::stage::SOCKET).await.unwrap();
    other.renew(&name, Duration::from_secs(60)).await.unwrap();
    until(&mut output, "survived").await;
    other.stop(&name, Duration::from_secs(5)).await.unwrap();
    assert_eq!(other.wait(&name).await.unwrap().code, 143);
    stage.strike().await;
}

#[tokio::test]
async fn stop_reaches_the_whole_group_with_term_and_kills_who_ignores_it() {
    let stage = Stage::new().await;
    let polite = stage.engine.prepare(&stage.spec("polite")).await.unwrap();
    let mut output = stage
        .engine
        .hand_over(&polite, &script("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.1; done"))
        .await
        .unwrap();
    until(&mut output, "up").await;
    stage.engine.stop(&polite, Duration::from_secs(30)).await.unwrap();
    let rest: Vec<_> = output.collect().await;
    assert_eq!(stdout(&rest), "bye");
    assert_eq!(stage.engine.wait(&polite).await.unwrap().code, 3);

    let deaf = stage.engine.prepare(&stage.spec("deaf")).await.unwrap();
    let mut output =
        stage.engine.hand_over(&deaf, &script("trap '' TERM; echo up; while :; do sleep 1; done")).await.unwrap();
    until(&mut output, "up").await;
    stage.engine.stop(&deaf, Duration::from_secs(1)).await.unwrap();
    let exit = stage.engine.wait(&deaf).await.unwrap();
    assert_eq!((exit.code, exit.infrastructure), (137, false));
    stage.strike().await;
}

#[tokio::test]
async fn a_step_that_the_engine_lost_is_not_the_steps_failure() {
    let stage = Stage::new().await;
    let name = stage.engine.prepare(&stage.spec("lost")).await.unwrap();
    let mut output = stage.engine.hand_over(&name, &script("echo up; sleep 600")).await.unwrap();
    until(&mut output, "up").await;
    docker(&["kill", "--signal", "KILL", &name]).await;
    let exit = stage.engine.wait(&name).await.unwrap();
    assert_eq!((exit.code, exit.infrastructure), (137, true));
    stage.strike().await;
}

#[tokio::test]
async fn a_step_that_kills_itself_is_the_steps_failure() {
    let stage = Stage::new().await;
    let (_, exit) = stage.run(&stage.spec("suicide"), &script("kill -9 $$")).await;
    assert_eq!((exit.code, exit.infrastructure), (137, false));
    stage.strike().await;
}

#[tokio::test]
async fn processes_left_behind_end_with_the_command_and_orphans_are_reaped() {
    let stage = Stage::new().await;
    let (text, code) = stage
        .script(
            "orphans",
            "(sleep 600 &) ; for i in 1 2 3 4 5; do (true &) ; done; sleep 0.3; ps -o stat | grep -c Z; exit 0",
        )
        .await;
    assert_eq!((text.as_str(), code), ("0", 0));
    stage.strike().await;
}

#[tokio::test]
async fn the_same_attempt_cannot_be_made_twice() {
    let stage = Stage::new().await;
    stage.engine.prepare(&stage.spec("twin")).await.unwrap();
    let again = stage.engine.prepare(&stage.spec("twin")).await;
    assert!(matches!(again, Err(EngineError::Conflict(_))), "{again:?}");
    stage.strike().await;
}

#[tokio::test]
async fn a_command_handed_over_twice_runs_once() {
    let stage = Stage::new().await;
    let name = stage.engine.prepare(&stage.spec("once")).await.unwrap();
    let command = script("echo ran >> /workspace/count; echo out");
    let first: Vec<_> = stage.engine.hand_over(&name, &command).await.unwrap().collect().await;
    stage.engine.wait(&name).await.unwrap();
    let second: Vec<_> = stage.engine.hand_over(&name, &command).await.unwrap().collect().await;
    assert_eq!((stdout(&first).as_str(), stdout(&second).as_str()), ("out", "out"));
    assert_eq!(stage.script("count", "cat /workspace/count").await.0, "ran");
    stage.strike().await;
}

#[tokio::test]
async fn stop_remove_and_renew_may_be_called_on_what_never_started_or_is_gone() {
    let stage = Stage::new().await;
    let name = stage.engine.prepare(&stage.spec("idle")).await.unwrap();
    for _ in 0..2 {
        stage.engine.stop(&name, Duration::from_secs(1)).await.unwrap();
        stage.engine.renew(&name, Duration::from_secs(1)).await.unwrap();
    }
    for _ in 0..2 {
        stage.engine.remove(&name).await.unwrap();
        stage.engine.stop(&name, Duration::from_secs(1)).await.unwrap();
    }
    stage.strike().await;
}

#[tokio::test]
async fn an_image_that_is_nowhere_is_named_in_the_error() {
    let stage = Stage::new().await;
    let mut spec = stage.spec("nowhere");
    spec.image = "127.0.0.1:1/nowhere:1".into();
    let error = stage.engine.prepare(&spec).await.unwrap_err();
    assert!(matches!(&error, EngineError::Image { image, .. } if *image == spec.image), "{error}");
    assert_eq!(stage.engine.known_image(&spec.image).await.unwrap(), None);
    let error = stage.engine.fetch_image(&spec.image).await.unwrap_err();
    assert!(matches!(&error, EngineError::Image { image, passing: true, .. } if *image == spec.image), "{error}");
    stage.strike().await;
}

#[tokio::test]
async fn of_too_much_output_the_beginning_and_the_end_arrive() {
    let stage = Stage::new().await;
    let mut command = script("echo first; yes $(seq -s . 1 40) | head -c 20000000; echo; echo last; exit 3");
    command.max_output = 1_000;
    let (lines, exit) = stage.run(&stage.spec("flood"), &command).await;
    assert_eq!((exit.code, exit.infrastructure), (3, false));
    assert_eq!((lines[0].text.as_str(), lines.last().unwrap().text.as_str()), ("first", "last"));
    let gaps: Vec<_> = lines.iter().filter(|line| line.stream == OutputStream::Gap).collect();
    assert_eq!(gaps.len(), 2, "{gaps:?}");
    let left_out: usize = gaps[1].text.split(' ').next().unwrap().parse().unwrap();
    let all = 20_000_000 / 111 + 3;
    // The gap may begin or end within a line.
    assert!((all..=all + 2).contains(&(left_out + lines.len() - 2)), "{left_out} and {}", lines.len());
    assert!(lines.len() < 5_000, "{}", lines.len());
    stage.strike().await;
}

#[tokio::test]
async fn a_slow_reader_loses_nothing() {
    let stage = Stage::new().await;
    let name = stage.engine.prepare(&stage.spec("slow")).await.unwrap();
    let mut output = stage.engine.hand_over(&name, &script("seq 1 400000; echo done >&2")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut expected = 0;
    while let Some(line) = output.next().await {
        if line.stream == OutputStream::Stdout {
            expected += 1;
            assert_eq!(line.text, expected.to_string());
        }
    }
    assert_eq!(expected, 400_000);
    assert_eq!(stage.engine.wait(&name).await.unwrap().code, 0);
    stage.strike().await;
}
