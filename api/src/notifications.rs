//! Notifications: what people and teams are told of, where, and how that went.
//!
//! One's own rules ([`mine`]) and those of teams ([`team`]) are the same but for whose they are.

pub(crate) mod mine;
pub(crate) mod team;
mod view;

use axum::{Json, http::StatusCode};
use chrono::Utc;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::{
    domain::notification::{Channel, Item, Message, NotificationKind},
    outgoing::Secret,
    store::{
        audit,
        notification::{self, Changes, NewRule, Owner, Rule, delivery},
    },
};
use utoipa::ToSchema;
use uuid::Uuid;

use self::view::{MessageView, RuleView};
use crate::{
    audit::Trail,
    error::{InputError, Problem},
    execute::json_body,
    page::{Page, Paging},
    state::AppState,
    webhook_endpoints,
};

/// Characters of a description, and of an address.
const MAX_TEXT: usize = 500;
/// Seconds that things may be kept to be told together.
const MAX_DIGEST_S: u32 = 86_400;

/// A rule to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleRequest {
    /// What is told of: `failure`, `approval`, `drift`; all of them when nothing is said.
    #[serde(default)]
    on: Vec<String>,
    /// How: `email`, `slack` or `webhook`.
    channel: String,
    /// Where: an address, or a URL. Without one, by `email` to one's own address.
    #[serde(default)]
    target: Option<String>,
    /// Whose things, for rules of teams; the caller's only team when nothing is said. Who may do so in all teams gets those of all.
    #[serde(default)]
    team: Option<String>,
    /// After a message, what happens within so many seconds is told together; 0: everything is told at once.
    #[serde(default)]
    digest_s: Option<u32>,
    /// For people.
    #[serde(default)]
    description: String,
}

/// What is to be changed of a rule; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleChange {
    /// What is told of.
    #[serde(default)]
    on: Option<Vec<String>>,
    /// After a message, what happens within so many seconds is told together.
    #[serde(default)]
    digest_s: Option<u32>,
    /// For people.
    #[serde(default)]
    description: Option<String>,
    /// Whether nothing is told for now. When it goes on, it begins with what happens from then on.
    #[serde(default)]
    paused: Option<bool>,
}

fn unknown(id: Uuid) -> Problem {
    Problem::not_found("notification", id)
}

fn invalid(path: &str, message: impl Into<String>) -> Problem {
    let message = message.into();
    let mistake =
        InputError { code: "invalid_value", path: path.into(), line: None, column: None, message: message.clone() };
    let detail = format!("{}: {message}", path.trim_start_matches('/'));
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid-notification", detail).with_errors(vec![mistake])
}

fn kinds(names: &[String]) -> Result<Vec<NotificationKind>, Problem> {
    if names.is_empty() {
        return Ok(NotificationKind::CHOICES.to_vec());
    }
    let mut kinds = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let kind = NotificationKind::CHOICES.into_iter().find(|kind| kind.as_str() == name);
        let kind = kind.ok_or_else(|| {
            let shown: String = name.chars().take(64).collect();
            let all = NotificationKind::CHOICES.map(NotificationKind::as_str).join(", ");
            invalid(&format!("/on/{index}"), format!("'{shown}' is not one of: {all}"))
        })?;
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    Ok(kinds)
}

fn check_rest(digest_s: Option<u32>, description: Option<&str>) -> Result<(), Problem> {
    if digest_s.is_some_and(|seconds| seconds > MAX_DIGEST_S) {
        return Err(invalid("/digest_s", format!("at most {MAX_DIGEST_S}, which is a day")));
    }
    if description.is_some_and(|text| text.chars().count() > MAX_TEXT) {
        return Err(invalid("/description", format!("at most {MAX_TEXT} characters")));
    }
    Ok(())
}

/// Where it goes, and what of that is shown.
async fn target(app: &AppState, channel: Channel, text: &str) -> Result<(String, String), Problem> {
    match channel {
        Channel::Email => {
            let config = &app.config.notifications;
            if config.smtp.is_none() {
                let detail = "this installation sends no mail: an operator names a server in notifications.smtp; slack and webhook work without";
                return Err(Problem::conflict("no-mail", detail));
            }
            let domain = mail_domain(text).ok_or_else(|| invalid("/target", "it is no address as ada@example.org"))?;
            let allowed = &config.mail_domains;
            if !allowed.is_empty() && !allowed.iter().any(|one| one.eq_ignore_ascii_case(domain)) {
                let detail = format!("mail goes to {} only (notifications.mail_domains)", allowed.join(", "));
                return Err(invalid("/target", detail));
            }
            Ok((text.to_owned(), text.to_owned()))
        }
        Channel::Slack | Channel::Webhook => {
            let url = webhook_endpoints::admit(app, text).await?.map_err(|why| invalid("/target", why))?;
            let shown = format!("{}://{}/…", url.scheme(), url.host_str().unwrap_or_default());
            Ok((url.to_string(), shown))
        }
    }
}

/// The domain of an address that is written plainly.
fn mail_domain(address: &str) -> Option<&str> {
    let plain = |text: &str, more: &str| {
        !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
            && !text.starts_with('-')
    };
    let (name, domain) = address.split_once('@')?;
    let named = plain(name, ".!#$%&'*+/=?^_`{|}~-") && name.len() <= 64;
    let placed = domain.len() <= 190 && domain.split('.').all(|label| plain(label, "-") && label.len() <= 63);
    (named && placed).then_some(domain)
}

/// The text as it is stored: sealed for its rule, where the instance has a key.
async fn seal(app: &AppState, id: Uuid, team: Option<&str>, text: String) -> Result<String, Problem> {
    let mut value = Value::String(text);
    app.seals.seal_value(&app.store, team.unwrap_or_default(), id, &mut value).await?;
    value.as_str().map(str::to_owned).ok_or_else(|| Problem::internal(&"a sealed text is no text"))
}

/// What the audit log says of a rule.
fn told(row: &Rule) -> Value {
    json!({"on": row.kinds, "channel": row.channel, "target": row.shown, "digest_s": row.digest_s,
           "description": row.description, "paused": row.paused_at.is_some()})
}

async fn create(
    app: &AppState,
    trail: &Trail,
    owner: &Owner,
    own_address: Option<String>,
    request: RuleRequest,
) -> Result<(StatusCode, Json<RuleView>), Problem> {
    let kinds = kinds(&request.on)?;
    let channel: Channel = request.channel.parse().map_err(|error| invalid("/channel", format!("{error}")))?;
    check_rest(request.digest_s, Some(&request.description))?;
    let named = request.target.or_else(|| own_address.filter(|_| channel == Channel::Email));
    let named = named.ok_or_else(|| match channel {
        Channel::Email => invalid("/target", "no address is known of yours; name one"),
        Channel::Slack | Channel::Webhook => invalid("/target", "a URL is needed"),
    })?;
    let (target, shown) = target(app, channel, &named).await?;
    let id = Uuid::now_v7();
    let secret = (channel == Channel::Webhook).then(|| Secret::random().to_text());
    let sealed = match &secret {
        Some(secret) => Some(seal(app, id, owner.team(), secret.clone()).await?),
        None => None,
    };
    let config = &app.config.notifications;
    let new = NewRule {
        id,
        owner,
        kinds: &kinds,
        channel,
        target: &seal(app, id, owner.team(), target).await?,
        shown: &shown,
        secret: sealed.as_deref(),
        description: &request.description,
        digest_s: request.digest_s.unwrap_or(config.digest_s).min(MAX_DIGEST_S),
        created_by: &trail.caller().name,
    };
    let mut tx = app.store.begin().await?;
    if !notification::create(&mut tx, &new, config.max_rules).await? {
        let detail = format!("there are {} rules, which is as many as there may be", config.max_rules);
        return Err(Problem::conflict("too-many-notifications", detail));
    }
    let row = notification::find(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    let entry = trail.entry("notification.create", format!("notification/{id}")).team(row.team.clone());
    audit::record(&mut tx, &entry.after(told(&row))).await?;
    crate::commit(tx).await?;
    Ok((StatusCode::CREATED, Json(RuleView::of(row, secret))))
}

async fn change(app: &AppState, trail: &Trail, id: Uuid, body: &[u8]) -> Result<Json<RuleView>, Problem> {
    let request: RuleChange = json_body(body)?;
    check_rest(request.digest_s, request.description.as_deref())?;
    let changes = Changes {
        kinds: request.on.as_deref().map(kinds).transpose()?,
        digest_s: request.digest_s,
        description: request.description,
        paused: request.paused,
    };
    let mut tx = app.store.begin().await?;
    let before = notification::find(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    notification::change(&mut tx, id, &changes).await?;
    let after = notification::find(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    let entry = trail.entry("notification.write", format!("notification/{id}")).team(after.team.clone());
    audit::record(&mut tx, &entry.before(told(&before)).after(told(&after))).await?;
    crate::commit(tx).await?;
    Ok(Json(RuleView::of(after, None)))
}

async fn remove(app: &AppState, trail: &Trail, id: Uuid) -> Result<StatusCode, Problem> {
    let mut tx = app.store.begin().await?;
    let before = notification::find(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    notification::remove(&mut *tx, id).await?;
    let entry = trail.entry("notification.remove", format!("notification/{id}")).team(before.team.clone());
    audit::record(&mut tx, &entry.before(told(&before))).await?;
    crate::commit(tx).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn test(app: &AppState, trail: &Trail, id: Uuid) -> Result<(StatusCode, Json<MessageView>), Problem> {
    let mut tx = app.store.begin().await?;
    let rule = notification::find(&mut *tx, id).await?.ok_or_else(|| unknown(id))?;
    if rule.paused_at.is_some() {
        let detail = format!("the rule is paused; let it go on first: `slipway notification resume {id}`");
        return Err(Problem::conflict("notification-paused", detail));
    }
    let message = Message { items: vec![Item::test(Utc::now(), &trail.caller().name)], more: 0 };
    let made = delivery::create(&mut *tx, id, &message, app.config.notifications.give_up_after_s).await?;
    let entry = trail.entry("notification.test", format!("notification/{id}")).team(rule.team);
    audit::record(&mut tx, &entry.after(json!({"delivery": made}))).await?;
    let row = delivery::page(&mut *tx, id, None, 1).await?.into_iter().next().ok_or_else(|| unknown(id))?;
    crate::commit(tx).await?;
    Ok((StatusCode::ACCEPTED, Json(row.into())))
}

async fn deliveries(app: &AppState, id: Uuid, paging: &Paging) -> Result<Json<Page<MessageView>>, Problem> {
    let rows = delivery::page(app.store.pool(), id, paging.before()?, paging.rows()?).await?;
    Ok(Json(paging.page(rows, |row| row.id, MessageView::from)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_addresses_are_taken() {
        assert_eq!(mail_domain("ada.l+x@mail.example.org"), Some("mail.example.org"));
        for wrong in [
            "ada",
            "@x.org",
            "a@",
            "a@b@c",
            "a b@x.org",
            "a@x..org",
            "a@x.org\r\nBcc: b@x.org",
            "<a@x.org>",
            "-a@x.org",
        ] {
            assert_eq!(mail_domain(wrong), None, "{wrong}");
        }
    }
}
