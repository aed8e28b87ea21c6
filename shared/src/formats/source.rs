//! Sources of providers: a folder of a Git repository at a tag, a branch or a commit.

use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::{
    cursor::{Cursor, Document},
    duration,
    problem::{Problem, code, short},
};

/// Letters of a source's name at most.
const MAX_NAME: usize = 63;
/// Bytes of a URL, a reference or a path at most.
const MAX_TEXT: usize = 512;
/// Sources that one list may have.
const MAX_SOURCES: usize = 200;

/// Where providers come from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Unique in the instance; lower-case letters, digits and `-`.
    #[serde(default)]
    pub name: String,
    /// `https://`, `ssh://` or `file://`, without a password.
    pub url: String,
    /// A tag, a branch or a whole commit.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The folder that is, or holds, the providers; empty for the whole repository.
    #[serde(default)]
    pub path: String,
    /// Seconds between looks; the instance's own when nothing is said, 0 for only when asked.
    #[serde(default)]
    pub interval_s: Option<u32>,
    /// The name of a credential in the instance's configuration.
    #[serde(default)]
    pub secret: Option<String>,
    /// The name of a webhook secret in the instance's configuration; the source's own name when nothing is said.
    #[serde(default)]
    pub webhook_secret: Option<String>,
}

impl Source {
    /// Brings it into the form that is kept: a name when there is none, the URL as parsers agree on it, the path without
    /// detours.
    ///
    /// # Errors
    /// The key that is wrong, and why.
    pub fn checked(mut self) -> Result<Self, (&'static str, String)> {
        let url = check_url(&self.url).map_err(|message| ("url", message))?;
        self.url = url.to_string();
        check_reference(&self.reference).map_err(|message| ("ref", message))?;
        self.path = check_path(&self.path).map_err(|message| ("path", message))?;
        if self.name.is_empty() {
            self.name = name_for(&url, &self.path);
        }
        check_name(&self.name).map_err(|message| ("name", message))?;
        for (key, name) in [("secret", &self.secret), ("webhook_secret", &self.webhook_secret)] {
            if let Some(name) = name
                && (name.is_empty() || name.len() > MAX_NAME)
            {
                return Err((key, format!("the name of a secret in the configuration, at most {MAX_NAME} letters")));
            }
        }
        if self.interval_s.is_some_and(|interval| interval > 0 && !(10..=86_400 * 30).contains(&interval)) {
            return Err(("interval_s", "from 10 seconds to 30 days, or 0 for only when asked".into()));
        }
        Ok(self)
    }
}

/// Splits `URL@ref`. The reference begins at the first `@` behind the host that does not begin a part of the path.
///
/// # Errors
/// When there is none.
pub fn split(text: &str) -> Result<(&str, &str), String> {
    let missing = || format!("'{}' names no tag, branch or commit: write URL@ref", short(text));
    let host = text.find("://").map(|at| at + 3).ok_or_else(|| check_url(text).err().unwrap_or_else(missing))?;
    let path = text[host..].find('/').map(|at| host + at).ok_or_else(missing)?;
    let at = text[path..].match_indices('@').map(|(at, _)| path + at).find(|at| !text[..*at].ends_with('/'));
    let at = at.ok_or_else(missing)?;
    let (url, reference) = (&text[..at], &text[at + 1..]);
    if reference.is_empty() { Err(missing()) } else { Ok((url, reference)) }
}

/// A URL that may be fetched from, as far as can be told without the instance's policy.
///
/// # Errors
/// What is wrong with it.
pub fn check_url(text: &str) -> Result<Url, String> {
    if text.len() > MAX_TEXT || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("a URL of at most {MAX_TEXT} bytes, without spaces"));
    }
    let forms = "write https://host/path, ssh://git@host/path or file:///folder";
    let url = Url::parse(text).map_err(|error| format!("'{}' is no URL ({error}); {forms}", short(text)))?;
    if !["https", "http", "ssh", "file"].contains(&url.scheme()) {
        return Err(format!("'{}' is not fetched from; {forms}", short(url.scheme())));
    }
    if url.password().is_some() || (url.scheme() != "ssh" && !url.username().is_empty()) {
        return Err(
            "a URL holds no credentials; put them into git.credentials of the configuration, and name them".into()
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("the URL of a repository has neither '?' nor '#'".into());
    }
    let plain =
        |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)) && !text.starts_with('-');
    match (url.scheme(), url.host()) {
        ("file", Some(_)) => return Err("a file URL names no host; write file:///folder".into()),
        ("file", None) => {}
        (_, Some(Host::Domain(host))) if plain(host) => {}
        (_, Some(Host::Ipv4(_) | Host::Ipv6(_))) => {}
        _ => return Err(format!("'{}' names no host; {forms}", short(text))),
    }
    if !plain(url.username()) {
        return Err("the user's name is of letters, digits, '.', '-' and '_'".into());
    }
    if url.path().len() < 2 || url.path().to_ascii_lowercase().contains("%00") {
        return Err(format!("'{}' names no repository; {forms}", short(text)));
    }
    Ok(url)
}

/// What may name a tag, a branch or a commit: no option, no expression, no range.
///
/// # Errors
/// What is wrong with it.
pub fn check_reference(text: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._/+-@".contains(c);
    let fine = (1..=MAX_TEXT).contains(&text.len())
        && text.chars().all(allowed)
        && !text.starts_with(['-', '/', '.', '@'])
        && !text.ends_with(['/', '.'])
        && !["..", "//", "/.", "@{"].iter().any(|part| text.contains(part))
        && !text.split('/').any(|part| part.ends_with(".lock"));
    if fine { Ok(()) } else { Err(format!("'{}' is no tag, branch or commit", short(text))) }
}

/// Whether a reference is a whole commit, which never moves.
#[must_use]
pub fn is_commit(reference: &str) -> bool {
    [40, 64].contains(&reference.len()) && reference.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn check_path(text: &str) -> Result<String, String> {
    let mut parts = Vec::new();
    for component in Path::new(text).components() {
        match component {
            Component::CurDir => {}
            Component::Normal(part) => parts.push(part.to_string_lossy()),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(format!("'{}' leads out of the repository", short(text)));
            }
        }
    }
    let path = parts.join("/");
    let fine = path.len() <= MAX_TEXT
        && !path.chars().any(|c| c.is_control() || c == '\\' || c == ':')
        && !path.starts_with('-');
    if fine { Ok(path) } else { Err(format!("'{}' is no folder of a repository", short(text))) }
}

fn check_name(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fine = (1..=MAX_NAME).contains(&text.len())
        && text.chars().all(|c| plain(c) || c == '-')
        && text.starts_with(plain)
        && text.ends_with(plain);
    if fine { Ok(()) } else { Err(format!("'{}' is no name of lower-case letters, digits and '-'", short(text))) }
}

/// The name of a source that has none: of its folder, or of its repository.
fn name_for(url: &Url, path: &str) -> String {
    let of = |text: &str| text.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let last = if path.is_empty() { of(url.path()) } else { of(path) };
    let last = last.strip_suffix(".git").unwrap_or(&last);
    let letters = last.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    let name: String = letters.take(MAX_NAME).collect();
    name.trim_matches('-').to_owned()
}

/// The folder that a `file://` URL names.
#[must_use]
pub fn folder_of(url: &Url) -> Option<PathBuf> {
    (url.scheme() == "file").then(|| url.to_file_path().ok()).flatten()
}

/// Reads `providers.yaml`: a list of sources, or a mapping whose `sources` is one; problems name `file`.
///
/// # Errors
/// All that is wrong with it, with line and column.
pub fn parse_list(text: &str, file: Option<&str>) -> Result<Vec<Source>, Vec<Problem>> {
    let document = Document::parse(text, file)?;
    let root = document.root();
    let list = if root.value.is_array() {
        root.items()
    } else {
        let fields = root.fields(&["apiVersion", "kind", "sources"]);
        fields.and_then(|fields| fields.need("sources")).map(|at| at.items()).unwrap_or_default()
    };
    if list.len() > MAX_SOURCES {
        root.report(code::LIMIT, format!("more than {MAX_SOURCES} sources"));
    }
    let mut sources: Vec<Source> = Vec::new();
    for item in list.iter().take(MAX_SOURCES) {
        let Some(source) = entry(item) else { continue };
        if sources.iter().any(|other| other.name == source.name) {
            item.report(code::CONFLICT, format!("another source is also named '{}'; give one a 'name'", source.name));
        }
        sources.push(source);
    }
    document.finish(sources).map(|(sources, _)| sources)
}

fn entry(at: &Cursor<'_>) -> Option<Source> {
    let fields = at.fields(&["name", "url", "ref", "path", "interval", "secret", "webhook_secret"])?;
    let text = |key: &str| fields.get(key).and_then(|at| at.text()).map(str::to_owned);
    let interval_s = fields.get("interval").and_then(|at| {
        let seconds = duration::seconds(at.value).filter(|seconds| (0.0..=86_400.0 * 30.0).contains(seconds));
        if seconds.is_none() {
            at.report(code::INVALID_VALUE, "a duration like '5m', or 0 for only when asked");
        }
        // Bounded above, and whole seconds are enough.
        seconds.map(|seconds| seconds as u32)
    });
    let (url, reference) = (fields.need("url"), fields.need("ref"));
    let source = Source {
        name: text("name").unwrap_or_default(),
        url: url.as_ref()?.text()?.to_owned(),
        // A version written as a number is what it looks like.
        reference: match reference?.value {
            serde_json::Value::Number(number) => number.to_string(),
            serde_json::Value::String(text) => text.clone(),
            _ => fields.get("ref")?.text()?.to_owned(),
        },
        path: text("path").unwrap_or_default(),
        interval_s,
        secret: text("secret"),
        webhook_secret: text("webhook_secret"),
    };
    match source.checked() {
        Ok(source) => Some(source),
        Err((key, message)) => {
            let key = if key == "interval_s" { "interval" } else { key };
            fields.get(key).unwrap_or_else(|| at.clone()).report(code::INVALID_VALUE, message);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(url: &str, reference: &str) -> Result<Source, (&'static str, String)> {
        Source { url: url.into(), reference: reference.into(), ..Source::default() }.checked()
    }

    #[test]
    fn a_url_and_a_reference_are_told_apart() {
        assert_eq!(split("https://h.example/team/db.git@v1.2.0"), Ok(("https://h.example/team/db.git", "v1.2.0")));
        assert_eq!(split("ssh://git@h.example/db@feature/x@2"), Ok(("ssh://git@h.example/db", "feature/x@2")));
        assert_eq!(split("https://h.example/@team/db@main"), Ok(("https://h.example/@team/db", "main")));
        for wrong in
            ["https://h.example/db", "https://h.example", "https://h.example/db@", "git@h.example:db.git", "db@v1"]
        {
            assert!(split(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_source_without_a_name_has_that_of_its_folder_or_repository() {
        assert_eq!(source("https://h.example/team/My_DB.git", "main").unwrap().name, "my-db");
        let path = "./providers/postgres/".to_owned();
        let source = Source { url: "https://h.example/x".into(), reference: "v1".into(), path, ..Source::default() };
        let source = source.checked().unwrap();
        assert_eq!((source.name.as_str(), source.path.as_str()), ("postgres", "providers/postgres"));
    }

    #[test]
    fn what_could_be_an_option_another_protocol_or_another_host_is_refused() {
        for url in [
            "ext::sh -c touch% /tmp/x",
            "ext::sh",
            "git://h.example/x",
            "ftp://h.example/x",
            "-oProxyCommand=x",
            "/etc",
            "ssh://-oProxyCommand=x/y",
            "ssh://-x@h.example/y",
            "https://user:pass@h.example/x",
            "https://token@h.example/x",
            "https://h.example/x?y",
            "https://h.example/x#y",
            "https:///x",
            "https://h.example/",
            "file://h.example/x",
            "https://h.example/a b",
            "git@h.example:x.git",
            "http::https://h.example/x",
        ] {
            assert!(check_url(url).is_err(), "{url}");
        }
        for reference in ["-x", "--upload-pack=x", "a..b", "a@{1}", "a:b", "^a", "a~1", "x.lock", "", "a b", ".x", "@"]
        {
            assert!(check_reference(reference).is_err(), "{reference}");
        }
        for path in ["../x", "/etc", "a/../../b", "a\\b", "-x", ":(top)x"] {
            assert!(check_path(path).is_err(), "{path}");
        }
        for reference in ["main", "v1.2.0", "feature/x", "pkg@1.0.0", "release-1+2"] {
            assert!(check_reference(reference).is_ok(), "{reference}");
        }
    }

    #[test]
    fn a_list_of_sources_is_read_with_the_place_of_every_mistake() {
        let text = "- url: https://h.example/a.git\n  ref: v1\n  interval: 5m\n  secret: forge\n- {url: 'ssh://git@h.example/b', ref: 1.2}\n";
        let sources = parse_list(text, None).unwrap();
        assert_eq!((sources[0].name.as_str(), sources[0].interval_s), ("a", Some(300)));
        assert_eq!((sources[1].name.as_str(), sources[1].reference.as_str()), ("b", "1.2"));
        let text = "sources:\n  - {url: https://h.example/a, ref: --x}\n  - {url: 'git://h.example/a', ref: v1}\n  - {url: https://h.example/a}\n  - {url: https://h.example/a, ref: v1, brnch: x}\n";
        let problems = parse_list(text, Some("providers.yaml")).unwrap_err();
        insta::assert_snapshot!(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
    }
}
