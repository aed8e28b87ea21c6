//! Applications with many resources, and many submissions of one.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tests::{
    score::Score,
    settled::nothing_is_left,
    stack::{Options, Stack},
};

use super::{resource, settled, submit, torn_down};

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

/// A spec over six names and two types; some hold a value of another.
fn any_spec(dice: &mut Dice) -> Score {
    (0..6_usize).fold(Score::new("dizzy"), |score, number| {
        if dice.roll(3) == 0 {
            return score;
        }
        let kind = if dice.roll(5) == 0 { "other-scripted" } else { "scripted" };
        score.resource(&format!("r{number}"), kind, &json!({"value": format!("v{}", dice.roll(3))}))
    })
}

#[tokio::test]
async fn any_sequence_of_submissions_comes_to_the_last_one() -> anyhow::Result<()> {
    let stack = Stack::start(Options { slots: 16, schedulers: 2, ..Options::scripted() }).await?;
    let mut dice = Dice(11);
    for _ in 0..8 {
        let mut last = any_spec(&mut dice);
        for _ in 0..4 {
            last = any_spec(&mut dice);
            stack.client.submit(&last.yaml()).await?.ok()?;
            tokio::time::sleep(Duration::from_millis(u64::try_from(dice.roll(400))?)).await;
        }
        // What cannot be updated is mended by asking for it as it is: here by another type of it, or none.
        let wanted = score_of(&last);
        stack
            .until("what is there is what was asked for last", Duration::from_secs(90), async || {
                let there = stack.client.resources("dizzy").await?;
                let settled = there.iter().all(|it| {
                    it["absent"] == false
                        && it["reconciling"] == false
                        && ["active", "failed"].iter().any(|state| it["state"] == *state)
                });
                Ok((settled && there.len() == wanted.len()).then_some(()))
            })
            .await?;
        for (name, kind, value) in wanted {
            let it = resource(&stack, "dizzy", &name).await?;
            assert_eq!(it["type"], kind.as_str(), "{name}");
            // The other type has no workflow to update by: then it has failed, and says so.
            assert!(
                it["outputs"]["value"] == value.as_str() || it["state"] == "failed" && kind == "other-scripted",
                "{name}: {it:#}"
            );
        }
    }
    submit(&stack, &Score::new("dizzy")).await?;
    settled(&stack, "dizzy").await?;
    torn_down(&stack, "dizzy").await?;
    assert_eq!(stack.count("SELECT count(*) FROM resource WHERE state <> 'terminated'").await?, 0);
    stack.finish().await
}

/// Name, type and value of each resource of a spec.
fn score_of(score: &Score) -> Vec<(String, String, String)> {
    let parsed = shared::formats::score::parse(&score.yaml(), shared::formats::score::Mode::Strict);
    let parsed = parsed.map(|parsed| parsed.score.resources).unwrap_or_default();
    parsed
        .into_iter()
        .map(|(name, it)| {
            let value = it.params.get("value").and_then(Value::as_str).unwrap_or_default().to_owned();
            (name, it.kind, value)
        })
        .collect()
}
