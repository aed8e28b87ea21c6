//! People and marks, from the command line.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{
    belongings,
    command_line::{self, Ended},
    stack::{Options, Stack},
};

const PATIENCE: Duration = Duration::from_secs(30);

async fn slipway(stack: &Stack, key: &str, arguments: &[&str]) -> anyhow::Result<Ended> {
    let environment = [("SLIPWAY_URL", stack.client.base()), ("SLIPWAY_API_KEY", key)];
    command_line::run(command_line::program()?, arguments, &environment, PATIENCE).await
}

#[tokio::test]
async fn who_is_known_is_listed_and_what_happened_is_marked_for_a_team() -> anyhow::Result<()> {
    let stack = Stack::start(Options { workers: 0, ..Options::scripted() }).await?;
    let dora = belongings::person(&stack.pool, "dora", &["developer"], &["shop", "search"]).await?;
    belongings::person(&stack.pool, "vera", &["viewer"], &["search"]).await?;
    let (_, dora) = belongings::key_of(&stack.pool, dora).await?;
    let admin = stack.client.key();

    let listed = slipway(&stack, admin, &["user", "list", "--limit", "1"]).await?;
    let expected =
        "NAME  ROLES      TEAMS        FROM  SEEN  STATE\ndora  developer  shop,search  test  -     enabled\n";
    assert_eq!((listed.out.as_str(), listed.code), (expected, Some(0)), "{}", listed.err);
    assert!(listed.err.contains("only the first 1 are shown"), "{}", listed.err);
    let of_search = slipway(&stack, admin, &["user", "list", "--team", "search", "-o", "json"]).await?.ok()?;
    let of_search: Value = serde_json::from_str(&of_search)?;
    let names: Vec<&Value> = of_search["items"].as_array().into_iter().flatten().map(|it| &it["name"]).collect();
    assert_eq!(names, [&json!("dora"), &json!("vera")]);
    let refused = slipway(&stack, &dora, &["user", "list"]).await?;
    assert!(refused.err.contains("people.list on instance needs the role admin or auditor"), "{}", refused.err);

    let asked = slipway(&stack, &dora, &["mark", "add", "deploy", "shop 1.4"]).await?;
    assert!(asked.err.contains("team: you belong to several; say which one this is for: "), "{}", asked.err);
    let time = "2026-11-21T14:05:00Z";
    let add = ["mark", "add", "deploy", "shop 1.4", "--team", "shop", "--at", time, "-o", "json"];
    let made: Value = serde_json::from_str(&slipway(&stack, &dora, &add).await?.ok()?)?;
    assert_eq!((&made["team"], &made["at"]), (&json!("shop"), &json!(time)));
    let all = slipway(&stack, admin, &["mark", "add", "incident", "the network was away", "--at", time]).await?.ok()?;
    assert!(all.contains("incident  the network was away  everyone  2026-11-21T14:05:00Z  -"), "{all}");
    let shown = slipway(&stack, &dora, &["mark", "list"]).await?.ok()?;
    assert_eq!(shown.lines().count(), 3, "{shown}");
    assert!(shown.contains("deploy    shop 1.4              shop      2026-11-21T14:05:00Z  -"), "{shown}");
    let id = made["id"].as_str().unwrap_or_default();
    assert_eq!(slipway(&stack, &dora, &["mark", "remove", id]).await?.ok()?, "the mark is gone\n");
    assert_eq!(slipway(&stack, &dora, &["mark", "list"]).await?.ok()?.lines().count(), 2);
    stack.finish().await
}
