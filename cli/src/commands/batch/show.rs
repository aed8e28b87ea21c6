//! Batches, shown.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use shared::domain::words::count;

use super::preview::{Way, ways};
use crate::{
    output::{Printer, age, clean, or_dash, seconds, short},
    views,
};

/// A batch.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Batch {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) operation: String,
    pub(super) status: String,
    pub(super) detail: String,
    pub(super) total: u64,
    pub(super) succeeded: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
    pub(super) in_flight: u64,
    pub(super) remaining: u64,
    pub(super) rolled_back: u64,
    pub(super) wave: u64,
    requested_by: String,
    approved_by: Option<String>,
    created_at: Option<DateTime<Utc>>,
    #[serde(default)]
    stages: Vec<Stage>,
    #[serde(default)]
    failures: Vec<Failed>,
    #[serde(default)]
    preview: Ways,
}

/// The ways in which its resources are done.
#[derive(Clone, Debug, Default, Deserialize)]
struct Ways {
    #[serde(default)]
    groups: Vec<Way>,
}

impl Batch {
    /// Resources that nothing more becomes of.
    pub(super) fn done(&self) -> u64 {
        self.succeeded + self.failed + self.skipped
    }

    /// How many waves there are.
    pub(super) fn waves(&self) -> usize {
        self.stages.len()
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Stage {
    number: u64,
    total: u64,
    open: u64,
    in_flight: u64,
    succeeded: u64,
    failed: u64,
    skipped: u64,
    started_at: Option<DateTime<Utc>>,
    ended_at: Option<DateTime<Utc>>,
    bake_until: Option<DateTime<Utc>>,
    passed_at: Option<DateTime<Utc>>,
}

impl Stage {
    fn state(&self) -> String {
        match (self.started_at, self.ended_at, self.passed_at) {
            (_, _, Some(_)) => "passed".into(),
            (_, Some(_), None) => match self.bake_until.map(|until| until - Utc::now()) {
                Some(left) if left.num_seconds() > 0 => format!("watched for {} more", seconds(left.as_seconds_f64())),
                _ => "watched".into(),
            },
            (Some(_), None, None) => "running".into(),
            (None, None, None) => "waits".into(),
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
struct Failed {
    resource_id: String,
    resource: Option<String>,
    application: Option<String>,
    run_id: Option<String>,
    detail: String,
}

/// A batch, its waves, and what it could not do.
pub(super) fn detail(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let batch: Batch = views::read(value)?;
    let mut text = format!(
        "{}  {}  {}\n  {} of {}: {} done, {} failed, {} left out, {} running, {} to come{}\n",
        clean(&batch.id),
        printer.state(&batch.status),
        clean(&batch.name),
        clean(&batch.operation),
        count(batch.total, "resource"),
        batch.succeeded,
        batch.failed,
        batch.skipped,
        batch.in_flight,
        batch.remaining,
        if batch.rolled_back > 0 { format!(", {} taken back", batch.rolled_back) } else { String::new() },
    );
    if !batch.detail.is_empty() {
        text.push_str(&format!("  {}\n", clean(&batch.detail)));
    }
    let approved = batch.approved_by.as_deref().map(|by| format!(", approved by {}", clean(by))).unwrap_or_default();
    text.push_str(&format!("  asked for by {}{approved}\n", clean(&batch.requested_by)));
    if !batch.stages.is_empty() {
        let rows = batch.stages.iter().map(|it| {
            let counts =
                [it.total, it.succeeded, it.failed, it.skipped, it.in_flight, it.open].map(|it| it.to_string());
            [vec![it.number.to_string()], counts.to_vec(), vec![it.state()]].concat()
        });
        let headers = ["WAVE", "RESOURCES", "DONE", "FAILED", "LEFT OUT", "RUNNING", "TO COME", "STATE"];
        text.push('\n');
        text.push_str(&printer.table(&headers, rows.collect()));
    }
    if !batch.failures.is_empty() {
        let rows = batch.failures.iter().map(|it| {
            let name = match (&it.application, &it.resource) {
                (Some(application), Some(resource)) => format!("{application}/{resource}"),
                _ => it.resource_id.clone(),
            };
            vec![name, or_dash(&it.run_id), short(&it.detail, 100)]
        });
        text.push('\n');
        text.push_str(&printer.table(&["FAILED", "RUN", "WHY"], rows.collect()));
    }
    if !batch.preview.groups.is_empty() && matches!(batch.status.as_str(), "awaiting_approval" | "approval_void") {
        text.push('\n');
        text.push_str(&ways(printer, &batch.preview.groups));
        text.push_str(&format!(
            "what each of these would run, step by step: slipway batch plan {}\n",
            clean(&batch.id)
        ));
    }
    Ok(text)
}

/// Batches, a line each.
pub(super) fn table(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let batches: Vec<Batch> = views::items(value)?;
    if batches.is_empty() {
        return Ok(
            "no batches yet; `slipway batch create --select … --operation update --dry-run` shows what one would do\n"
                .into(),
        );
    }
    let rows = batches.into_iter().map(|it| {
        let progress = format!("{}/{}", it.done(), it.total);
        let (failed, wave) = (it.failed.to_string(), it.wave.to_string());
        let state = printer.state(&it.status);
        vec![
            it.id,
            short(&it.name, 40),
            it.operation,
            state,
            progress,
            failed,
            wave,
            it.requested_by,
            age(it.created_at),
        ]
    });
    let headers = ["ID", "NAME", "OPERATION", "STATUS", "DONE", "FAILED", "WAVE", "ASKED BY", "AGE"];
    Ok(printer.table(&headers, rows.collect()))
}

#[derive(Debug, Deserialize)]
struct Item {
    position: u64,
    wave: u64,
    status: String,
    resource_id: String,
    resource: Option<String>,
    application: Option<String>,
    team: Option<String>,
    from_version: Option<String>,
    to_version: Option<String>,
    run_id: Option<String>,
    detail: Option<String>,
    undo: Option<String>,
}

/// Resources of a batch, a line each.
pub(super) fn items(printer: Printer, value: &Value) -> anyhow::Result<String> {
    let items: Vec<Item> = views::items(value)?;
    if items.is_empty() {
        return Ok("no resource of the batch is like that\n".into());
    }
    let rows = items.into_iter().map(|it| {
        let name = match (&it.application, &it.resource) {
            (Some(application), Some(resource)) => format!("{application}/{resource}"),
            _ => it.resource_id,
        };
        let version = match (it.from_version, it.to_version) {
            (Some(from), Some(to)) if from != to => format!("{from} → {to}"),
            (Some(same), _) | (None, Some(same)) => same,
            (None, None) => "-".into(),
        };
        let status = match &it.undo {
            Some(undo) => format!("{} (taken back: {undo})", it.status),
            None => printer.state(&it.status),
        };
        let why = it.detail.as_deref().map_or_else(|| "-".into(), |detail| short(detail, 60));
        vec![
            it.position.to_string(),
            it.wave.to_string(),
            name,
            or_dash(&it.team),
            version,
            status,
            or_dash(&it.run_id),
            why,
        ]
    });
    Ok(printer.table(&["#", "WAVE", "RESOURCE", "TEAM", "VERSION", "STATUS", "RUN", "WHY"], rows.collect()))
}
