//! Which images steps may run: what a name says, and whether the instance lets it.

use std::sync::LazyLock;

use regex::Regex;
use shared::{config::Sandbox, domain::plan::StepType};

use crate::privileges::NotAllowed;

static PATH: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$").expect("the pattern is a constant that the tests compile")
});
static REGISTRY: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?$")
        .expect("the pattern is a constant that the tests compile")
});
static TAG: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$").expect("the pattern is a constant that the tests compile")
});
static DIGEST: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("^sha256:[0-9a-f]{64}$").expect("the pattern is a constant that the tests compile"));

/// The longest name the engine admits.
const LONGEST: usize = 255;

/// An image's name, taken apart. Never the id of an image, nor the beginning of one: those name what no list can speak of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageRef<'a> {
    /// Where it would be pulled from, when the name says so.
    pub registry: Option<&'a str>,
    /// Registry and path, without tag and digest: what patterns are held against.
    pub name: &'a str,
    /// The tag, if it has one.
    pub tag: Option<&'a str>,
    /// `sha256:…`, if it has one.
    pub digest: Option<&'a str>,
}

impl<'a> ImageRef<'a> {
    /// Takes a name apart; `None` when it is not one.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Self> {
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (text, None),
        };
        // A colon before the last slash is a registry's port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        let registry = name.split_once('/').map(|(first, _)| first);
        let registry = registry.filter(|first| first.contains(['.', ':']) || *first == "localhost");
        let path = registry.map_or(name, |registry| &name[registry.len() + 1..]);
        let good = text.len() <= LONGEST + "@sha256:".len() + 64
            && name.len() <= LONGEST
            && registry.is_none_or(|registry| REGISTRY.is_match(registry))
            && path.split('/').all(|segment| PATH.is_match(segment))
            && tag.is_none_or(|tag| TAG.is_match(tag))
            && digest.is_none_or(|digest| DIGEST.is_match(digest))
            // `sha256:…` and sixty-four hexadecimal digits are the id of an image.
            && name != "sha256"
            && !(name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
        good.then_some(Self { registry, name, tag, digest })
    }
}

/// Decides whether a step of this type may run `image`.
///
/// # Errors
/// When it is not an image's name, or the instance does not allow it; the text names the setting that would.
pub fn admit(step_type: &StepType, image: &str, sandbox: &Sandbox) -> Result<(), NotAllowed> {
    let written_down = sandbox.manifest_images && step_type.image == image;
    let hint = if sandbox.manifest_images { " and no step type's manifest names it outright" } else { "" };
    admit_named(image, written_down, hint, sandbox)
}

/// Decides whether a service may run `image`: it must stand in the instance's own list.
///
/// # Errors
/// As [`admit`].
pub fn admit_service(image: &str, sandbox: &Sandbox) -> Result<(), NotAllowed> {
    admit_named(image, false, "", sandbox)
}

fn admit_named(image: &str, written_down: bool, hint: &str, sandbox: &Sandbox) -> Result<(), NotAllowed> {
    let refused = |why: String| Err(NotAllowed::because(why));
    let Some(named) = ImageRef::parse(image) else {
        return refused(format!("'{}' is not the name of an image, as registry.example/path:tag", shortened(image)));
    };
    if sandbox.require_digests && named.registry.is_some() && named.digest.is_none() {
        return refused(format!(
            "image {image} is not named by digest; sandbox.require_digests wants {}@sha256:…",
            named.name
        ));
    }
    if written_down || sandbox.images.iter().any(|pattern| matches(pattern, named.name)) {
        return Ok(());
    }
    refused(format!("image {image} may not run here: sandbox.images has no pattern for {}{hint}", named.name))
}

/// Looks at the patterns, once, when the worker starts.
///
/// # Errors
/// Naming the first that could match nothing.
pub fn check_patterns(patterns: &[String]) -> Result<(), String> {
    let good = |pattern: &str| {
        let segments: Vec<&str> = pattern.split('/').collect();
        segments.iter().enumerate().all(|(at, segment)| {
            !segment.is_empty()
                && segment.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-:*[]".contains(&byte))
                && (!segment.contains("**") || (*segment == "**" && at > 0 && at + 1 == segments.len()))
                // A colon is a registry's port; tags are not looked at.
                && (!segment.contains(':') || (at == 0 && segments.len() > 1))
        })
    };
    match patterns.iter().find(|pattern| !good(pattern)) {
        None => Ok(()),
        Some(wrong) => Err(format!(
            "sandbox.images: '{wrong}' is no pattern for the name of an image: write ghcr.io/acme/tool, ghcr.io/acme/* or \
             ghcr.io/acme/**, without tag or digest"
        )),
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = name.split('/');
    for segment in pattern.split('/') {
        if segment == "**" {
            return parts.next().is_some();
        }
        if !parts.next().is_some_and(|part| matches_segment(segment, part)) {
            return false;
        }
    }
    parts.next().is_none()
}

fn matches_segment(pattern: &str, part: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == part };
    let Some(mut part) = part.strip_prefix(start) else { return false };
    let mut pieces: Vec<&str> = rest.split('*').collect();
    let end = pieces.pop().unwrap_or_default();
    for piece in pieces {
        let Some(at) = part.find(piece) else { return false };
        part = &part[at + piece.len()..];
    }
    part.ends_with(end)
}

fn shortened(text: &str) -> String {
    text.chars().take(120).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn allowed(image: &str, patterns: &[&str]) -> bool {
        let sandbox = Sandbox { images: patterns.iter().map(|one| (*one).to_owned()).collect(), ..Sandbox::default() };
        check_patterns(&sandbox.images).unwrap();
        admit(&StepType::default(), image, &sandbox).is_ok()
    }

    #[test]
    fn a_name_is_taken_apart() {
        let text = format!("registry.example:5000/team/tool:1.2@sha256:{HEX}");
        let named = ImageRef::parse(&text).unwrap();
        assert_eq!((named.registry, named.name), (Some("registry.example:5000"), "registry.example:5000/team/tool"));
        assert_eq!((named.tag, named.digest), (Some("1.2"), Some(format!("sha256:{HEX}").as_str())));
        let named = ImageRef::parse("slipway/shell").unwrap();
        assert_eq!((named.registry, named.name, named.tag, named.digest), (None, "slipway/shell", None, None));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let id = format!("sha256:{HEX}");
        let short = format!("tool@sha256:{}", &HEX[1..]);
        for text in [
            "",
            "/",
            "a//b",
            "A/b",
            "a/../b",
            "a b",
            "a\nb",
            "tool:",
            "tool:-x",
            "-x",
            HEX,
            &id,
            &short,
            "tool@md5:0",
            "http://a.example/b",
            "a.example:x/b",
            "{{ .config.image }}",
            "tool@sha256:",
            "--privileged",
            "a/b:c/d:e",
        ] {
            assert_eq!(ImageRef::parse(text), None, "{text:?}");
        }
        assert_eq!(ImageRef::parse(&"a/".repeat(200)), None);
    }

    #[test]
    fn only_what_the_list_has_may_run() {
        assert!(allowed("slipway/shell:1", &["slipway/*"]));
        for other in ["slipway/a/b", "slipway", "evil/slipway/shell", "docker.io/slipway/shell:1", "slipwayx/shell"] {
            assert!(!allowed(other, &["slipway/*"]), "{other}");
        }
        assert!(allowed("ghcr.io/acme/deep/tool:1", &["ghcr.io/acme/**"]));
        assert!(!allowed("ghcr.io/acme", &["ghcr.io/acme/**"]));
        assert!(!allowed("ghcr.io.evil.example/acme/tool", &["ghcr.io/acme/**"]));
        assert!(allowed("ghcr.io/acme/tool-a-v2", &["ghcr.io/acme/tool-*-v*"]));
        assert!(!allowed("ghcr.io/acme/tool-a", &["ghcr.io/acme/tool-*-v*"]));
        assert!(!allowed("anything", &[]));
    }

    #[test]
    fn a_manifest_s_own_image_runs_unless_the_instance_says_otherwise() {
        let step_type = StepType { image: "acme/tool:1".into(), ..StepType::default() };
        assert!(admit(&step_type, "acme/tool:1", &Sandbox::default()).is_ok());
        assert!(admit(&step_type, "acme/tool:2", &Sandbox::default()).is_err());
        let strict = Sandbox { manifest_images: false, ..Sandbox::default() };
        let error = admit(&step_type, "acme/tool:1", &strict).unwrap_err().to_string();
        assert_eq!(error, "image acme/tool:1 may not run here: sandbox.images has no pattern for acme/tool");
    }

    #[test]
    fn where_digests_are_wanted_a_tag_is_not_enough() {
        let sandbox = Sandbox { images: vec!["ghcr.io/**".into()], require_digests: true, ..Sandbox::default() };
        let of = |image: &str| admit(&StepType::default(), image, &sandbox).map_err(|error| error.to_string());
        assert_eq!(
            of("ghcr.io/acme/tool:1").unwrap_err(),
            "image ghcr.io/acme/tool:1 is not named by digest; sandbox.require_digests wants ghcr.io/acme/tool@sha256:…"
        );
        assert!(of(&format!("ghcr.io/acme/tool:1@sha256:{HEX}")).is_ok());
    }

    #[test]
    fn a_pattern_that_could_match_nothing_stops_the_worker() {
        for wrong in ["", "a//b", "tool:1", "tool@sha256:x", "**", "a/**/b", "a**", "A/b", "http://x/y"] {
            assert!(check_patterns(&[wrong.to_owned()]).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_pattern_without_stars_matches_itself_alone(name in "[a-z]{1,4}(/[a-z]{1,4}){0,2}", other in "[a-z/]{1,12}") {
            prop_assert!(matches(&name, &name));
            prop_assert_eq!(matches(&name, &other), name == other);
        }

        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,80}") {
            let _ = ImageRef::parse(&text);
        }
    }
}
