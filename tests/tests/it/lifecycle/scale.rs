//! Applications with many resources, and many submissions of one.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tests::{
    score::Score,
    settled::nothing_is_left,
    stack::{Options, Stack},
};

use super::{never_two_at_once, resource, settled, submit, torn_down};

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % sides
    }
}

/// Resources of which each names outputs of up to three before it.
fn graph(name: &str, kind: &str, count: usize, value: &str, dice: &mut Dice) -> Score {
    (0..count).fold(Score::new(name), |score, number| {
        let mut params = Map::from_iter([("value".to_owned(), json!(format!("{value}{number}")))]);
        for slot in 0..dice.roll(4).min(number) {
            let other = dice.roll(number);
            params.insert(format!("needs-{slot}"), json!(format!("${{resources.r{other:03}.value}}")));
        }
        score.resource(&format!("r{number:03}"), kind, &Value::Object(params))
    })
}

/// Pairs of which the first began before the second, which it needs, had ended.
async fn out_of_order(stack: &Stack, first: &str, second: &str) -> anyhow::Result<i64> {
    let sql = "SELECT count(*) FROM resource_dependency d
               JOIN run dependent ON dependent.resource_id = d.resource_id AND dependent.operation = $1
               JOIN run needed ON needed.resource_id = d.depends_on_id AND needed.operation = $2
               WHERE CASE WHEN $1 = 'delete' THEN needed.started_at < dependent.finished_at ELSE dependent.started_at < needed.finished_at END";
    Ok(sqlx::query_scalar(sql).bind(first).bind(second).fetch_one(&stack.pool).await?)
}

async fn lives_through(stack: &Stack, kind: &str, count: usize) -> anyhow::Result<()> {
    let expected = i64::try_from(count)?;
    submit(stack, &graph("many", kind, count, "a", &mut Dice(7))).await?;
    settled_within(stack, "many").await?;
    assert_eq!(out_of_order(stack, "create", "create").await?, 0);
    submit(stack, &graph("many", kind, count, "b", &mut Dice(7))).await?;
    settled_within(stack, "many").await?;
    // Each once: an update waits for those of all that it names.
    assert_eq!(stack.count("SELECT count(*) FROM run WHERE operation = 'update'").await?, expected);
    assert_eq!(out_of_order(stack, "update", "update").await?, 0);
    let stale = "SELECT count(*) FROM resource WHERE applied_params ->> 'value' NOT LIKE 'b%' OR outputs ->> 'value' NOT LIKE 'b%'";
    assert_eq!(stack.count(stale).await?, 0);
    torn_down(stack, "many").await?;
    assert_eq!(stack.count("SELECT count(*) FROM resource WHERE state = 'terminated'").await?, expected);
    assert_eq!(out_of_order(stack, "delete", "delete").await?, 0);
    assert_eq!(stack.count("SELECT count(*) FROM run WHERE status <> 'completed'").await?, 0);
    Ok(())
}

async fn settled_within(stack: &Stack, name: &str) -> anyhow::Result<()> {
    stack
        .until(&format!("{name} is settled"), Duration::from_secs(240), async || {
            Ok((stack.client.get(&format!("/api/specs/{name}")).await?["status"] == "active").then_some(()))
        })
        .await
}

#[tokio::test]
async fn three_hundred_resources_are_made_changed_and_removed_in_order() -> anyhow::Result<()> {
    let stack = Stack::start(Options { slots: 16, ..Options::scripted() }).await?;
    lives_through(&stack, "scripted", 300).await?;
    stack.finish().await
}

#[tokio::test]
async fn thirty_resources_of_real_containers_are_made_changed_and_removed_in_order() -> anyhow::Result<()> {
    let stack = Stack::start(Options { slots: 6, ..Options::default() }).await?;
    lives_through(&stack, "thing", 30).await?;
    nothing_is_left(&stack).await?;
    stack.finish().await
}

/// Name, type and what its value has to become, for each resource of a spec.
type Wanted = Vec<(String, &'static str, String)>;

/// A spec over eight names and two types; some take the value of another.
fn any_spec(dice: &mut Dice) -> (Score, Wanted) {
    let mut wanted = Wanted::new();
    let mut score = Score::new("dizzy");
    for number in 0..8 {
        if dice.roll(3) == 0 {
            continue;
        }
        let (name, kind) = (format!("r{number}"), if dice.roll(4) == 0 { "other-scripted" } else { "scripted" });
        let own = format!("v{}", dice.roll(3));
        let (written, value) = match wanted.get(dice.roll(wanted.len() + 1)) {
            Some((other, _, value)) => (format!("{own}-${{resources.{other}.value}}"), format!("{own}-{value}")),
            None => (own.clone(), own),
        };
        score = score.resource(&name, kind, &json!({ "value": written }));
        wanted.push((name, kind, value));
    }
    (score, wanted)
}

#[tokio::test]
async fn any_sequence_of_submissions_comes_to_the_last_one() -> anyhow::Result<()> {
    let stack = Stack::start(Options { slots: 16, schedulers: 2, ..Options::scripted() }).await?;
    let mut dice = Dice(11);
    for round in 0..12 {
        let mut wanted = Wanted::new();
        for _ in 0..5 {
            let (score, then) = any_spec(&mut dice);
            submit(&stack, &score).await?;
            wanted = then;
            tokio::time::sleep(Duration::from_millis(u64::try_from(dice.roll(300))?)).await;
        }
        stack
            .until(
                &format!("what is there is what was asked for last in round {round}"),
                Duration::from_secs(60),
                async || {
                    let there = stack.client.resources("dizzy").await?;
                    let still = there.iter().all(|it| it["state"] == "active" && it["reconciling"] == false);
                    Ok((still && there.len() == wanted.len()).then_some(()))
                },
            )
            .await?;
        for (name, kind, value) in &wanted {
            let it = resource(&stack, "dizzy", name).await?;
            assert_eq!(
                (&it["type"], &it["outputs"]["value"]),
                (&json!(kind), &json!(value)),
                "{name} in round {round}"
            );
        }
    }
    never_two_at_once(&stack).await?;
    submit(&stack, &Score::new("dizzy")).await?;
    settled(&stack, "dizzy").await?;
    torn_down(&stack, "dizzy").await?;
    assert_eq!(stack.count("SELECT count(*) FROM resource WHERE state <> 'terminated'").await?, 0);
    stack.finish().await
}
