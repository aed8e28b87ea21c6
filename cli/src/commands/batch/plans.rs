//! `slipway batch plan`: what a batch would run, step by step.

use serde::Deserialize;
use serde_json::{Value, json};
use shared::domain::words::count;

use super::{
    path,
    preview::{Plan, Way},
};
use crate::{
    client::{Client, segment},
    commands::{plan, resource::id_of},
    output::{Printer, clean},
    views,
};

#[derive(Debug, Deserialize)]
struct Batch {
    preview: Ways,
}

#[derive(Debug, Deserialize)]
struct Ways {
    groups: Vec<Way>,
}

/// Has one resource of a batch planned as the batch would do it, and shows the plan.
///
/// # Errors
/// When the server cannot be reached or says no, or there is no plan.
pub(super) async fn of_resource(client: &Client, printer: Printer, id: &str, resource: &str) -> anyhow::Result<()> {
    let resource = id_of(client, resource).await?;
    let (_, answer) = client.post(&format!("{}/items/{}/plan", path(id), segment(&resource)), &[], None).await?;
    plan::show(client, printer, &answer).await
}

/// Shows the plan of each way in which a batch would do its resources, as far as there are any by now.
///
/// # Errors
/// When the server cannot be reached or says no.
pub(super) async fn of_ways(client: &Client, printer: Printer, id: &str) -> anyhow::Result<()> {
    let batch: Batch = views::read(&client.get(&path(id), &[]).await?)?;
    let mut planned = Vec::new();
    for way in batch.preview.groups.iter().filter(|way| way.plan.is_some()) {
        let mut item = client.get(&format!("{}/items/{}", path(id), segment(&way.sample)), &[]).await?;
        item["resources_alike"] = way.resources.into();
        planned.push(item);
    }
    printer.print(&json!({ "items": planned }), table)
}

/// A way, by one of its resources.
#[derive(Debug, Deserialize)]
struct Item {
    resources_alike: u64,
    #[serde(rename = "type")]
    kind: Option<String>,
    application: Option<String>,
    resource: Option<String>,
    resource_id: String,
    from_version: Option<String>,
    to_version: Option<String>,
    from_workflow: Option<String>,
    workflow: Option<String>,
    changes: Vec<Change>,
    plan: Option<Plan>,
    preview: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct Change {
    path: String,
    before: Option<Value>,
    after: Option<Value>,
}

fn table(_: Printer, value: &Value) -> anyhow::Result<String> {
    let items: Vec<Item> = views::items(value)?;
    if items.is_empty() {
        return Ok(
            "nothing of this batch was planned; `slipway batch plan ID RESOURCE` plans one of its resources\n".into()
        );
    }
    let shown: Vec<String> = items.iter().map(way).collect();
    Ok(shown.join("\n"))
}

fn way(it: &Item) -> String {
    let name = match (&it.application, &it.resource) {
        (Some(application), Some(resource)) => format!("{application}/{resource}"),
        _ => it.resource_id.clone(),
    };
    let kind = it.kind.as_deref().unwrap_or("resource");
    let mut text =
        format!("== {}, such as {} ({})\n", count(it.resources_alike, kind), clean(&name), clean(&it.resource_id));
    for (what, from, to) in
        [("version", &it.from_version, &it.to_version), ("workflow", &it.from_workflow, &it.workflow)]
    {
        match (from, to) {
            (Some(from), Some(to)) if from != to => text.push_str(&format!("{what} {} → {}\n", clean(from), clean(to))),
            (_, Some(one)) | (Some(one), None) => text.push_str(&format!("{what} {}\n", clean(one))),
            (None, None) => {}
        }
    }
    let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), crate::output::inline);
    for change in &it.changes {
        text.push_str(&format!("{}: {} → {}\n", clean(&change.path), value(&change.before), value(&change.after)));
    }
    match (&it.preview, &it.plan) {
        (Some(preview), _) => text.push_str(&plan::steps(preview)),
        (None, Some(plan)) => text.push_str(&format!("plan {}\n", clean(&plan.told()))),
        (None, None) => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Format;

    #[test]
    fn each_way_says_what_changes_and_what_it_would_run_or_why_that_is_not_known() {
        let item = |id: &str| {
            json!({
                "resources_alike": 12, "type": "vessel", "application": "fleet", "resource": id, "resource_id": id, "from_version": "1.0.0",
                "to_version": "2.0.0", "from_workflow": "create-vessel", "workflow": "update-vessel", "changes": [],
            })
        };
        let (mut ready, mut waits) = (item("a"), item("b"));
        ready["changes"] = json!([{"path": "/size", "after": 3}]);
        ready["plan"] = json!({"status": "ready", "detail": null, "steps": ["renew"]});
        ready["preview"] = json!({
            "workflow": "update-vessel", "provider": "fleet", "provider_version": "2.0.0",
            "plan": {"steps": [{"name": "renew", "type": "scripted", "order": 1, "config": {"script": {"size": 3}}}], "outputs": {}},
        });
        waits["resources_alike"] = json!(1);
        waits["plan"] = json!({"status": "pending", "detail": "its preview waits: NoWorkerForQueue", "steps": []});
        let printer = Printer { format: Format::Table, colour: false, terminal: false };
        insta::assert_snapshot!(table(printer, &json!({"items": [ready, waits]})).unwrap(), @r#"
        == 12 vessels, such as fleet/a (a)
        version 1.0.0 → 2.0.0
        workflow create-vessel → update-vessel
        /size: nothing → 3
        update-vessel of fleet 2.0.0 would run 1 step; nothing was run

        1. renew  (scripted)
           config
             script = {"size":3}

        == 1 vessel, such as fleet/b (b)
        version 1.0.0 → 2.0.0
        workflow create-vessel → update-vessel
        plan pending: its preview waits: NoWorkerForQueue
        "#);
    }
}
