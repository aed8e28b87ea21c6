//! A message: one thing that happened, or a digest of several.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Item, NotificationKind};

/// Where things are found.
#[derive(Clone, Debug, Default)]
pub struct Links {
    /// In front of every path, as `https://slipway.example.org`; none: the commands are told instead.
    pub base: Option<String>,
}

impl Links {
    /// Of an installation that browsers reach there.
    #[must_use]
    pub fn to(base: Option<&str>) -> Self {
        Self { base: base.map(|base| base.trim_end_matches('/').to_owned()) }
    }

    fn url(&self, item: &Item) -> Option<String> {
        let base = self.base.as_ref()?;
        if let Some(batch) = item.batch_id {
            return Some(format!("{base}/batches/{batch}"));
        }
        match (item.kind, item.run_id, item.resource_id) {
            (NotificationKind::Drift, _, Some(resource)) | (_, None, Some(resource)) => {
                Some(format!("{base}/resources/{resource}"))
            }
            (_, Some(run), _) => Some(format!("{base}/runs/{run}")),
            (_, None, None) => None,
        }
    }

    fn command(item: &Item) -> Option<String> {
        if let Some(batch) = item.batch_id {
            return Some(format!("slipway batch show {batch}"));
        }
        match (item.kind, item.run_id, item.resource_id) {
            (NotificationKind::Drift, _, Some(resource)) | (_, None, Some(resource)) => {
                Some(format!("slipway resource get {resource}"))
            }
            (NotificationKind::Approval, Some(run), _) => {
                let step = item.step.as_deref().unwrap_or_default();
                Some(format!("slipway approval approve {run} {step}"))
            }
            (_, Some(run), _) => Some(format!("slipway workflow get {run}")),
            (_, None, None) => None,
        }
    }
}

/// What is told at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// What happened, the first first.
    pub items: Vec<Item>,
    /// How many more things happened that are not among them.
    pub more: u64,
}

impl Message {
    /// How many things it tells of.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.more.saturating_add(u64::try_from(self.items.len()).unwrap_or(u64::MAX))
    }

    /// It in one line.
    #[must_use]
    pub fn subject(&self) -> String {
        match (self.items.as_slice(), self.more) {
            ([only], 0) => headline(only),
            (items, more) => {
                let mut parts = Vec::new();
                for (kind, words) in [
                    (NotificationKind::Failure, "failed"),
                    (NotificationKind::Approval, "waiting for approval"),
                    (NotificationKind::Drift, "drifted"),
                ] {
                    let count = items.iter().filter(|item| item.kind == kind).count();
                    if count > 0 {
                        parts.push(format!("{count} {words}"));
                    }
                }
                if more > 0 {
                    parts.push(format!("{more} more"));
                }
                parts.join(", ")
            }
        }
    }

    /// It as a mail's text.
    #[must_use]
    pub fn text(&self, links: &Links) -> String {
        let mut text = String::new();
        for item in &self.items {
            text.push_str(&format!("{} UTC  {}\n", item.at.format("%Y-%m-%d %H:%M"), headline(item)));
            if let Some(message) = &item.message {
                text.push_str(&format!("  {message}\n"));
            }
            if let Some(place) = links.url(item).or_else(|| Links::command(item)) {
                text.push_str(&format!("  {place}\n"));
            }
            text.push('\n');
        }
        if self.more > 0 {
            let place = links.base.as_ref().map_or_else(
                || "slipway workflow list --status failed".to_owned(),
                |base| format!("{base}/runs?status=failed"),
            );
            text.push_str(&format!("and {} more:\n  {place}\n", self.more));
        }
        text
    }

    /// It as chats take it that take what Slack takes.
    #[must_use]
    pub fn slack(&self, links: &Links) -> Value {
        let mut lines = Vec::new();
        for item in &self.items {
            let title = escaped(&headline(item));
            let title = match links.url(item) {
                Some(url) => format!("*<{url}|{title}>*"),
                None => format!("*{title}*"),
            };
            let message = item.message.as_deref().map(|message| format!("\n>{}", escaped(message))).unwrap_or_default();
            lines.push(format!("{title}{message}"));
        }
        if self.more > 0 {
            lines.push(format!("and {} more", self.more));
        }
        let block = |text: &String| json!({"type": "section", "text": {"type": "mrkdwn", "text": text}});
        json!({"text": escaped(&self.subject()), "blocks": lines.iter().map(block).collect::<Vec<_>>()})
    }

    /// It as programs take it; `id` is the delivery's.
    #[must_use]
    pub fn json(&self, id: uuid::Uuid, links: &Links) -> Value {
        let items: Vec<Value> = self
            .items
            .iter()
            .map(|item| {
                let mut value = json!(item);
                value["title"] = headline(item).into();
                value["url"] = links.url(item).into();
                value
            })
            .collect();
        json!({"id": id, "subject": self.subject(), "count": self.count(), "more": self.more, "items": items})
    }
}

/// What happened, in one line.
fn headline(item: &Item) -> String {
    let of = match (&item.application, &item.resource) {
        (Some(application), Some(resource)) => Some(format!("{application}/{resource}")),
        (one, other) => one.clone().or_else(|| other.clone()),
    };
    let for_what = of.as_ref().map(|of| format!(" for {of}")).unwrap_or_default();
    let workflow = item.workflow.as_deref().unwrap_or("a run");
    if let Some(batch) = &item.batch {
        return match item.kind {
            NotificationKind::Approval => format!("the batch {batch} waits for approval"),
            NotificationKind::Failure | NotificationKind::Drift | NotificationKind::Test => {
                format!("the batch {batch} stopped")
            }
        };
    }
    match (item.kind, item.run_id) {
        (NotificationKind::Failure, Some(_)) => format!("{workflow}{for_what} failed"),
        (NotificationKind::Failure, None) => format!("{} failed", of.unwrap_or_else(|| "a resource".into())),
        (NotificationKind::Approval, _) => {
            let step = item.step.as_deref().unwrap_or("a step");
            format!("{workflow}{for_what}: {step} waits for approval")
        }
        (NotificationKind::Test, _) => "this is a test; nothing happened".into(),
        (NotificationKind::Drift, _) => {
            format!("{} differs from what was made", of.unwrap_or_else(|| "a resource".into()))
        }
    }
}

/// What Slack reads as marks, as text.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn item(kind: NotificationKind) -> Item {
        Item {
            kind,
            at: "2026-01-31T14:05:00Z".parse().unwrap(),
            team: Some("shop".into()),
            application: Some("shop".into()),
            resource_id: Some(Uuid::nil()),
            resource: Some("db".into()),
            run_id: Some(Uuid::max()),
            workflow: Some("create-database".into()),
            step: Some("ask".into()),
            message: Some("no <disk> & no hope".into()),
            batch_id: None,
            batch: None,
        }
    }

    #[test]
    fn one_thing_is_told_by_its_own_name_and_several_are_counted() {
        let one = Message { items: vec![item(NotificationKind::Failure)], more: 0 };
        assert_eq!(one.subject(), "create-database for shop/db failed");
        let all = NotificationKind::CHOICES.map(item).to_vec();
        let several = Message { items: all, more: 480 };
        assert_eq!(several.subject(), "1 failed, 1 waiting for approval, 1 drifted, 480 more");
        assert_eq!(several.count(), 483);
    }

    #[test]
    fn a_mail_leads_to_the_exact_place_or_says_the_command() {
        let all = NotificationKind::CHOICES.map(item).to_vec();
        let message = Message { items: all, more: 2 };
        insta::assert_snapshot!("mail_with_links", message.text(&Links::to(Some("https://slipway.example.org/"))));
        insta::assert_snapshot!("mail_without_links", message.text(&Links::default()));
    }

    #[test]
    fn a_chat_is_not_given_marks_that_others_wrote() {
        let message = Message { items: vec![item(NotificationKind::Failure)], more: 1 };
        insta::assert_json_snapshot!("chat", message.slack(&Links::to(Some("https://slipway.example.org"))));
    }

    #[test]
    fn programs_are_told_all_that_is_known() {
        let message = Message { items: vec![item(NotificationKind::Approval)], more: 0 };
        insta::assert_json_snapshot!(
            "json",
            message.json(Uuid::nil(), &Links::to(Some("https://slipway.example.org")))
        );
    }

    #[test]
    fn a_batch_that_stopped_is_told_of_by_its_name() {
        let stopped = Item {
            batch_id: Some(Uuid::nil()),
            batch: Some("to 2.0.0".into()),
            run_id: None,
            ..item(NotificationKind::Failure)
        };
        let message = Message { items: vec![stopped], more: 0 };
        assert_eq!(message.subject(), "the batch to 2.0.0 stopped");
        assert!(message.text(&Links::default()).contains(&format!("slipway batch show {}", Uuid::nil())));
    }

    #[test]
    fn what_is_told_is_one_line() {
        assert_eq!(Item::line("a\r\nBcc: x@y\u{1b}[31m "), "a  Bcc: x@y [31m");
        assert_eq!(Item::line(&"x".repeat(1000)).chars().count(), 400);
    }
}
