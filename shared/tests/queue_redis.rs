//! The queue on a real Redis: who gets which ticket, and what stays behind.

mod queue_harness;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use queue_harness::{BRISK, Seen, Server, Worker, backend, batch, eventually, send, shut, ticket};
use shared::queue::{Delivery, QueueError};
use tokio::sync::Semaphore;

#[tokio::test(flavor = "multi_thread")]
async fn each_ticket_reaches_exactly_one_of_two_workers() {
    let server = Server::start().await;
    let tickets = server.tickets();
    let (one, two) =
        (Worker::start_brief(&server, "one", &["default"], 4), Worker::start_brief(&server, "two", &["default"], 4));
    tickets.push(&batch("default", 300)).await.unwrap();
    eventually("all jobs ended", async || one.seen.ended() + two.seen.ended() >= 300).await;
    assert_eq!(tickets.depth("default").await.unwrap(), 0);
    let distinct: HashSet<_> =
        [&one, &two].iter().flat_map(|worker| worker.seen.ended.lock().unwrap().clone()).collect();
    assert_eq!((distinct.len(), one.seen.begun() + two.seen.begun()), (300, 300));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_waits_at_the_server_and_does_not_poll() {
    let server = Server::start().await;
    let seen = Arc::new(Seen::default());
    let see = Arc::clone(&seen);
    let worker = Worker::with(backend(&server, "idle", &["a", "b"], 4), seen, shut(), move |delivery: Delivery| {
        let see = Arc::clone(&see);
        async move {
            see.ended.lock().unwrap().push(delivery.ticket);
            delivery.acker.ack().await;
        }
    });
    let reads = async || {
        let stats: String = server.ask("INFO commandstats").await;
        let calls = stats
            .lines()
            .filter(|line| line.starts_with("cmdstat_x"))
            .map(|line| line.split_once("calls=").unwrap().1.split(',').next().unwrap().parse::<usize>().unwrap());
        calls.sum::<usize>()
    };
    let blocked = async || server.ask::<String>("INFO clients").await.contains("blocked_clients:1");
    eventually("the worker waits at the server", blocked).await;
    let before = reads().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    // At most one wait came to its end meanwhile, with the sweep and the look that follow it, for two queues.
    let commands = reads().await - before;
    assert!(commands <= 12, "{commands} commands while there was nothing to do");
    let due = ticket();
    send(&server.tickets(), "b", due).await;
    eventually("the waiting worker is rung", async || worker.seen.has_ended(due)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pools_serve_different_queues() {
    let server = Server::start().await;
    let tickets = server.tickets();
    let (small, large) =
        (Worker::start_brief(&server, "small", &["default"], 2), Worker::start_brief(&server, "large", &["gpu"], 2));
    tickets.push(&[batch("default", 20), batch("gpu", 30)].concat()).await.unwrap();
    eventually("both pools are done", async || small.seen.ended() == 20 && large.seen.ended() == 30).await;
    assert!(small.seen.begun.lock().unwrap().iter().all(|(queue, _)| queue == "default"));
    assert!(large.seen.begun.lock().unwrap().iter().all(|(queue, _)| queue == "gpu"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_no_more_than_its_free_slots_and_leaves_the_rest_to_others() {
    let server = Server::start().await;
    let tickets = server.tickets();
    // Fewer slots than queues: a read of several streams must not take one of each.
    let busy = Worker::start(&server, "busy", &["a", "b", "c"], 2);
    tickets.push(&[batch("a", 3), batch("b", 3), batch("c", 3)].concat()).await.unwrap();
    eventually("its slots are taken", async || busy.seen.begun() == 2).await;
    let free = Worker::start_brief(&server, "free", &["a", "b", "c"], 2);
    eventually("the other worker has done the rest", async || free.seen.ended() == 7).await;
    assert_eq!(busy.seen.begun(), 2);
    busy.release.add_permits(2);
    eventually("the first two ended", async || busy.seen.ended() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_stays_taken_until_the_job_ends_though_its_ticket_is_acknowledged() {
    let server = Server::start().await;
    let worker = Worker::start(&server, "single", &["default"], 1);
    server.tickets().push(&batch("default", 3)).await.unwrap();
    for ended in 0..3 {
        eventually("the next job began", async || worker.seen.begun() == ended + 1).await;
        eventually("its ticket is gone", async || server.tickets().depth("default").await.unwrap() == 2 - ended as u64)
            .await;
        worker.release.add_permits(1);
        eventually("it ended", async || worker.seen.ended() == ended + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ticket_of_a_worker_killed_between_read_and_claim_reaches_another() {
    let server = Server::start().await;
    let (tickets, due) = (server.tickets(), ticket());
    server.ask::<()>("XGROUP CREATE test:queue:default workers 0 MKSTREAM").await;
    send(&tickets, "default", due).await;
    server.ask::<redis::Value>("XREADGROUP GROUP workers killed STREAMS test:queue:default >").await;
    let other = Worker::start_brief(&server, "other", &["default"], 1);
    eventually("the other worker took it over", async || other.seen.has_ended(due)).await;
    eventually("the dead consumer is forgotten", async || {
        let consumers: Vec<redis::Value> = server.ask("XINFO CONSUMERS test:queue:default workers").await;
        consumers.len() == 1
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_takes_nothing_more_and_lets_running_jobs_end() {
    let server = Server::start().await;
    let tickets = server.tickets();
    let worker = Worker::start(&server, "leaving", &["default"], 2);
    tickets.push(&batch("default", 2)).await.unwrap();
    eventually("two jobs run", async || worker.seen.begun() == 2).await;
    worker.release.add_permits(1);
    eventually("one ended, so a slot is free", async || worker.seen.ended() == 1).await;
    worker.stop.cancel();
    let late = ticket();
    send(&tickets, "default", late).await;
    let heir = Worker::start_brief(&server, "heir", &["default"], 1);
    eventually("another worker has the late ticket", async || heir.seen.has_ended(late)).await;
    assert!(!worker.running.is_finished(), "a running job was dropped");
    worker.release.add_permits(1);
    let seen = Arc::clone(&worker.seen);
    worker.stopped().await;
    assert_eq!((seen.begun(), seen.ended()), (2, 2));
    heir.stopped().await;
    let consumers: Vec<redis::Value> = server.ask("XINFO CONSUMERS test:queue:default workers").await;
    assert!(consumers.is_empty(), "a worker that stopped cleanly left its consumer: {consumers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_gate_takes_nothing_until_it_opens() {
    let server = Server::start().await;
    let tickets = server.tickets();
    let worker = Worker::start_brief(&server, "gated", &["default"], 2);
    tickets.push(&batch("default", 1)).await.unwrap();
    eventually("it works", async || worker.seen.ended() == 1).await;
    worker.gate.close("disk");
    worker.gate.close("database");
    eventually("its waiting read was called back", async || {
        server.ask::<String>("INFO clients").await.contains("blocked_clients:0")
    })
    .await;
    tickets.push(&batch("default", 1)).await.unwrap();
    worker.gate.open("disk");
    let other = Worker::start_brief(&server, "other", &["default"], 1);
    eventually("the ticket is free for others", async || other.seen.ended() == 1).await;
    other.stopped().await;
    assert_eq!(worker.seen.ended(), 1);
    tickets.push(&batch("default", 1)).await.unwrap();
    worker.gate.open("database");
    eventually("it works again", async || worker.seen.ended() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_panics_costs_neither_the_worker_nor_the_ticket() {
    let server = Server::start().await;
    let tries = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tries);
    let backend = backend(&server, "shaky", &["default"], 1).with_timing(BRISK);
    let worker = Worker::with(backend, Arc::default(), shut(), move |delivery: Delivery| {
        let count = Arc::clone(&count);
        async move {
            assert!(count.fetch_add(1, Ordering::SeqCst) > 0, "the first try breaks");
            delivery.acker.ack().await;
        }
    });
    server.tickets().push(&batch("default", 1)).await.unwrap();
    eventually("it was delivered again", async || tries.load(Ordering::SeqCst) == 2).await;
    eventually("and acknowledged", async || server.tickets().depth("default").await.unwrap() == 0).await;
    worker.stopped().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_claim_is_not_given_its_own_ticket_again() {
    let server = Server::start().await;
    let (seen, go) = (Arc::new(Seen::default()), Arc::new(Semaphore::new(0)));
    let (see, wait) = (Arc::clone(&seen), Arc::clone(&go));
    let backend = backend(&server, "slow", &["default"], 2).with_timing(BRISK);
    let worker = Worker::with(backend, seen, go, move |delivery: Delivery| {
        let (see, wait) = (Arc::clone(&see), Arc::clone(&wait));
        async move {
            see.begun.lock().unwrap().push((delivery.queue.clone(), delivery.ticket));
            wait.acquire().await.unwrap().forget();
            delivery.acker.ack().await;
        }
    });
    server.tickets().push(&batch("default", 1)).await.unwrap();
    eventually("it was delivered", async || worker.seen.begun() == 1).await;
    // Several times the time after which an unacknowledged ticket is taken over.
    tokio::time::sleep(BRISK.reclaim_after * 3).await;
    assert_eq!(worker.seen.begun(), 1);
    worker.release.add_permits(1);
    eventually("it is acknowledged", async || server.tickets().depth("default").await.unwrap() == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_are_no_tickets_are_removed_and_stop_nothing() {
    let server = Server::start().await;
    let worker = Worker::start_brief(&server, "sturdy", &["default"], 1);
    let mut connection = server.connection().await;
    for fields in [["run", "not-a-run"], ["fence", "1"], ["\u{0}", "\u{1F980}"]] {
        redis::cmd("XADD").arg("test:queue:default").arg("*").arg(&fields).exec_async(&mut connection).await.unwrap();
    }
    let binary: &[u8] = &[0xff, 0xfe];
    redis::cmd("XADD")
        .arg("test:queue:default")
        .arg("*")
        .arg(binary)
        .arg(binary)
        .exec_async(&mut connection)
        .await
        .unwrap();
    let due = ticket();
    send(&server.tickets(), "default", due).await;
    eventually("the ticket behind them is served", async || worker.seen.has_ended(due)).await;
    eventually("nothing is left", async || server.tickets().depth("default").await.unwrap() == 0).await;
    assert_eq!(worker.seen.begun(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_tickets_later_the_keys_are_as_small_as_before() {
    let count: usize = std::env::var("SLIPWAY_TEST_TICKETS").map_or(100_000, |text| text.parse().unwrap());
    let server = Server::start().await;
    let tickets = server.tickets();
    let worker = Worker::start_brief(&server, "steady", &["default"], 256);
    let size = async || {
        let bytes: usize = server.ask("MEMORY USAGE test:queue:default SAMPLES 0").await;
        let consumers: Vec<redis::Value> = server.ask("XINFO CONSUMERS test:queue:default workers").await;
        let pending: Vec<redis::Value> = server.ask("XPENDING test:queue:default workers - + 10").await;
        (bytes, server.tickets().depth("default").await.unwrap(), consumers.len(), pending.len())
    };
    let mut sent = 1_000;
    tickets.push(&batch("default", sent)).await.unwrap();
    eventually("the first thousand are done", async || worker.seen.ended() == sent).await;
    let before = size().await;
    while sent < count {
        let some = (count - sent).min(2_000);
        tickets.push(&batch("default", some)).await.unwrap();
        sent += some;
        eventually("the worker keeps up", async || sent - worker.seen.ended() < 4_000).await;
    }
    eventually("all are done", async || worker.seen.ended() == sent).await;
    let after = size().await;
    assert_eq!((after.1, after.2, after.3), (0, 1, 0), "depth, consumers, pending");
    assert!(after.0 <= before.0 * 2, "{} bytes before, {} after", before.0, after.0);
    assert_eq!(server.ask::<usize>("DBSIZE").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_may_drop_tickets_is_refused_with_what_to_set() {
    let fit = Server::start().await;
    fit.tickets().check_server().await.unwrap();
    let unfit = Server::start_with(&["--maxmemory-policy", "allkeys-lru"]).await;
    let refused = unfit.tickets().check_server().await.unwrap_err();
    assert!(matches!(&refused, QueueError::Policy { found } if found == "allkeys-lru"));
    assert!(refused.to_string().contains("maxmemory-policy noeviction"), "{refused}");
}
