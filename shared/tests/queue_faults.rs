//! Whatever happens to Redis, a worker goes on and its running jobs are not touched.

mod queue_harness;

use std::time::Duration;

use queue_harness::{Server, Worker, eventually, send, ticket};
use shared::{
    domain::ids::RunId,
    queue::{LiveEvent, LiveLogs, LiveStream},
};
use tokio_stream::StreamExt as _;

/// A worker with one job running and one slot free, before, during and after `fault`.
async fn survives(fault: impl AsyncFnOnce(&mut Server)) {
    let mut server = Server::start().await;
    let tickets = server.tickets();
    let worker = Worker::start(&server, "tough", &["default", "other"], 2);
    let (running, next) = (ticket(), ticket());
    send(&tickets, "default", running).await;
    eventually("a job runs", async || worker.seen.begun() == 1).await;

    fault(&mut server).await;
    // The scheduler sends again what nobody claimed; so does this loop.
    eventually("a ticket sent after the fault is served", async || {
        send(&tickets, "default", next).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        worker.seen.times_begun(next) > 0
    })
    .await;

    assert!(!worker.running.is_finished(), "the worker ended");
    assert_eq!(worker.seen.times_begun(running), 1);
    worker.release.add_permits(1_000);
    eventually("the job that ran all the while ended", async || worker.seen.has_ended(running)).await;
    worker.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_survives_flushall() {
    survives(async |server: &mut Server| server.ask::<()>("FLUSHALL").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_survives_a_restart_that_loses_everything() {
    survives(async |server: &mut Server| server.restart().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_survives_a_lost_consumer_group() {
    survives(async |server: &mut Server| {
        server.ask::<i64>("XGROUP DESTROY test:queue:default workers").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_survives_a_pause_of_its_clients() {
    survives(async |server: &mut Server| server.ask::<()>("CLIENT PAUSE 2000 ALL").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_survives_a_server_that_stands_still() {
    survives(async |server: &mut Server| {
        server.freeze();
        tokio::time::sleep(Duration::from_secs(2)).await;
        server.thaw();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_survives_having_its_connections_killed() {
    survives(async |server: &mut Server| {
        server.ask::<i64>("CLIENT KILL TYPE normal SKIPME yes").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tickets_that_wait_when_the_group_is_lost_are_delivered() {
    let server = Server::start().await;
    let tickets = server.tickets();
    let worker = Worker::start(&server, "behind", &["default"], 1);
    let (first, waiting) = (ticket(), ticket());
    send(&tickets, "default", first).await;
    eventually("the only slot is taken", async || worker.seen.begun() == 1).await;
    send(&tickets, "default", waiting).await;
    server.ask::<i64>("XGROUP DESTROY test:queue:default workers").await;
    worker.release.add_permits(10);
    eventually("what waited is served", async || worker.seen.has_ended(waiting)).await;
    assert_eq!(worker.seen.times_begun(waiting), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_starts_before_redis_and_stops_without_it() {
    let mut server = Server::start().await;
    server.freeze();
    let worker = Worker::start_brief(&server, "early", &["default"], 1);
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.thaw();
    let due = ticket();
    send(&server.tickets(), "default", due).await;
    eventually("it serves", async || worker.seen.has_ended(due)).await;
    server.restart().await;
    server.freeze();
    worker.stopped().await;
    server.thaw();
}

async fn next_line(stream: &mut LiveStream) -> String {
    loop {
        match stream.next().await {
            Some(LiveEvent::Line(line)) => return line.to_string(),
            Some(LiveEvent::Lost | LiveEvent::Resumed) => {}
            None => panic!("the stream ended"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn live_lines_reach_every_watcher_of_their_run_and_nobody_else() {
    let server = Server::start().await;
    let (writer, reader) = (LiveLogs::connect(&server.config()).unwrap(), LiveLogs::connect(&server.config()).unwrap());
    let (run, other) = (RunId::new(), RunId::new());
    let (mut one, mut two, mut apart) =
        (reader.subscribe(run).await, reader.subscribe(run).await, reader.subscribe(other).await);
    writer.publish(run, &["first".into(), "second".into()]).await;
    writer.publish(other, &["apart".into()]).await;
    // Confirmed before the first line was written: nothing may come before it.
    assert_eq!(one.next().await, Some(LiveEvent::Line("first".into())));
    assert_eq!(next_line(&mut one).await, "second");
    assert_eq!((next_line(&mut two).await, next_line(&mut two).await), ("first".into(), "second".into()));
    assert_eq!(next_line(&mut apart).await, "apart");
    assert!(server.ask::<String>("CLIENT LIST TYPE pubsub").await.lines().count() == 1, "one connection for all");
    drop((one, two, apart));
    eventually("nobody is subscribed any more", async || server.ask::<Vec<String>>("PUBSUB CHANNELS").await.is_empty())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn watchers_are_told_when_lines_may_be_missing_and_when_they_come_again() {
    let mut server = Server::start().await;
    let logs = LiveLogs::connect(&server.config()).unwrap();
    let run = RunId::new();
    let mut watcher = logs.subscribe(run).await;
    logs.publish(run, &["before".into()]).await;
    assert_eq!(next_line(&mut watcher).await, "before");
    server.restart().await;
    assert_eq!(watcher.next().await, Some(LiveEvent::Lost));
    assert_eq!(watcher.next().await, Some(LiveEvent::Resumed));
    eventually("lines are published again", async || {
        logs.publish(run, &["after".into()]).await;
        server.ask::<String>("INFO commandstats").await.contains("cmdstat_publish")
    })
    .await;
    assert_eq!(next_line(&mut watcher).await, "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_comes_while_redis_is_away_is_told_so() {
    let mut server = Server::start().await;
    let logs = LiveLogs::connect(&server.config()).unwrap();
    server.freeze();
    let mut watcher = logs.subscribe(RunId::new()).await;
    assert_eq!(watcher.next().await, Some(LiveEvent::Lost));
    server.thaw();
    server.restart().await;
    assert_eq!(watcher.next().await, Some(LiveEvent::Resumed));
}
