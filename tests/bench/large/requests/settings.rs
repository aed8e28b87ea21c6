//! What is asked of people and their credentials, and of what they set up.

use tests::{client::Client, large::Filled};

use super::{Question, behind, both, of_teams, one};

pub(super) async fn all(client: &Client, filled: &Filled) -> anyhow::Result<Vec<Question>> {
    let Filled { application, team, person, account, webhook, rule, .. } = filled;
    let mut all = Vec::new();
    let deliveries = format!("/api/webhooks/{webhook}/deliveries");
    let messages = format!("/api/notifications/rules/{rule}/deliveries");
    let secrets = format!("/api/teams/{team}/secrets");
    let lists: &[(&str, &str)] = &[
        ("people", "/api/people"),
        ("people, disabled ones too", "/api/people?disabled=true"),
        ("service accounts", "/api/service-accounts"),
        ("service accounts, disabled ones too", "/api/service-accounts?disabled=true"),
        ("keys", "/api/keys"),
        ("keys, ended ones too", "/api/keys?ended=true"),
        ("keys of a service account", &format!("/api/keys?ended=true&service_account={account}")),
        ("logins of a person", &format!("/api/sessions?person={person}")),
        ("teams", "/api/teams"),
        ("marks", "/api/marks"),
        ("limits", "/api/limits"),
        ("freezes", "/api/freezes"),
        ("views", "/api/views"),
        ("views of a page", "/api/views?page=runs"),
        ("webhooks", "/api/webhooks"),
        ("deliveries to a webhook", &deliveries),
        ("deliveries to a webhook, failed", &format!("{deliveries}?status=failed")),
        ("deliveries to a webhook, none of which is there", &format!("{deliveries}?status=pending")),
        ("notifications of teams", "/api/notifications/rules"),
        ("messages of notifications", &messages),
        ("secrets of a team", &secrets),
        ("secrets of an application", &format!("/api/specs/{application}/secrets")),
        ("integrations", "/api/integrations"),
        ("providers", "/api/providers"),
        ("sources of providers", "/api/admin/providers/sources"),
        ("golden paths", "/api/golden-paths"),
    ];
    all.extend(lists.iter().flat_map(|(name, path)| both(name, path)));
    let (from, to) =
        (chrono::Utc::now() - chrono::TimeDelta::days(25), chrono::Utc::now() - chrono::TimeDelta::days(24));
    all.extend([
        of_teams("people of a team", "/api/people?team=", ""),
        one("people of a team that there is not", "/api/people?team=nobody"),
        one("marks of a day", &format!("/api/marks?from={}&to={}", from.format("%FT%TZ"), to.format("%FT%TZ"))),
        of_teams("webhooks of a team", "/api/webhooks?team=", ""),
        of_teams("notifications of a team", "/api/notifications/rules?team=", ""),
        of_teams("a team", "/api/teams/", ""),
        one("a provider", "/api/providers/seed-redis"),
        one("workflows of a provider", "/api/providers/seed-redis/workflows"),
        one("a golden path", "/api/golden-paths/onboard-team"),
        one("a service account", &format!("/api/service-accounts/{account}")),
        one("a webhook", &format!("/api/webhooks/{webhook}")),
        // Those who ask have no rules of their own, being no person: that others have some must not matter.
        one("notifications of one's own", "/api/notifications/mine"),
        one("logins of one's own", "/api/sessions"),
    ]);
    for (name, path, pages) in [
        ("people", "/api/people", 8),
        ("keys", "/api/keys?ended=true", 15),
        ("marks", "/api/marks", 30),
        ("limits", "/api/limits", 3),
        ("freezes", "/api/freezes", 2),
        ("views", "/api/views", 2),
        ("webhooks", "/api/webhooks", 2),
        ("deliveries to a webhook", deliveries.as_str(), 60),
        ("messages of notifications", messages.as_str(), 15),
        ("secrets of a team", secrets.as_str(), 4),
        ("providers", "/api/providers", 1),
        ("golden paths", "/api/golden-paths", 1),
    ] {
        all.extend(behind(client, name, path, pages).await?);
    }
    Ok(all)
}
