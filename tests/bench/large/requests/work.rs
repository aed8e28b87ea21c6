//! What is asked of work on many things, of who does it, and of what is kept of it.

use tests::{client::Client, large::Filled};

use super::{Question, behind, both, of_teams, one};

pub(super) async fn all(client: &Client, filled: &Filled) -> anyhow::Result<Vec<Question>> {
    let Filled { application, resource, shared, .. } = filled;
    let mut all = batches(client, filled).await?;
    all.extend(both("bulk actions", "/api/bulk"));
    all.extend(both("workers", "/api/workers"));
    all.extend(both("workers, stopped ones too", "/api/workers?stopped=true"));
    all.extend(both("queues", "/api/queues"));
    all.extend(approvals(application));
    let generations = format!("/api/specs/{application}/generations");
    all.extend(both("generations of an application", &generations));
    let users = format!("/api/resources/{shared}/users");
    all.extend(both("users of a shared resource", &users));
    all.push(one("a shared resource", &format!("/api/resources/{shared}")));
    let history = format!("/api/resources/{resource}/history");
    all.extend(both("history of a resource", &history));
    all.push(one("history of a resource, its own", &format!("{history}?own=true")));
    all.extend(both("states", "/api/states"));
    all.push(one("states of an application", &format!("/api/states?application={application}")));
    let versions = format!("/api/resources/{resource}/state/versions");
    all.extend(both("versions of a state", &versions));
    for (name, path, pages) in [
        ("bulk actions", "/api/bulk", 3),
        ("workers, stopped ones too", "/api/workers?stopped=true", 30),
        ("resources", "/api/resources", 40),
        ("applications", "/api/specs", 8),
        ("audit", "/api/audit", 40),
        ("states", "/api/states", 30),
        ("versions of a state", versions.as_str(), 3),
        ("generations of an application", generations.as_str(), 3),
        ("users of a shared resource", users.as_str(), 3),
    ] {
        all.extend(behind(client, name, path, pages).await?);
    }
    Ok(all)
}

async fn batches(client: &Client, Filled { batch, .. }: &Filled) -> anyhow::Result<Vec<Question>> {
    let items = format!("/api/batches/{batch}/items");
    let mut all = Vec::from(both("batches", "/api/batches"));
    all.extend([
        one("batches, aborted", "/api/batches?status=aborted"),
        one("batches, none of which is there", "/api/batches?status=paused"),
        one("a large batch", &format!("/api/batches/{batch}")),
        one("resources of a batch, skipped", &format!("{items}?status=skipped")),
        one("resources of a batch, open, none of which is there", &format!("{items}?status=open")),
        one("resources of a batch, of a wave", &format!("{items}?wave=3")),
        one("resources of a batch, failed, of a wave", &format!("{items}?status=failed&wave=3")),
    ]);
    all.extend(both("resources of a batch", &items));
    all.extend(both("resources of a batch, failed", &format!("{items}?status=failed")));
    all.extend(behind(client, "resources of a batch", &items, 30).await?);
    Ok(all)
}

fn approvals(application: &str) -> Vec<Question> {
    let mut all = Vec::from(both("approvals", "/api/approvals"));
    all.extend(both("approvals, decided ones too", "/api/approvals?status=all"));
    all.extend([
        one("approvals, rejected", "/api/approvals?status=rejected"),
        one("approvals, expired, none of which is there", "/api/approvals?status=expired"),
        of_teams("approvals of a team", "/api/approvals?team=", ""),
        of_teams("approvals of a team, decided ones too", "/api/approvals?status=all&team=", ""),
        one("approvals of an application", &format!("/api/approvals?status=all&application={application}")),
    ]);
    all
}
