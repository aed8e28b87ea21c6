//! Names within Kubernetes' limits, the same for the same workload at all times.

use sha2::{Digest as _, Sha256};

/// Characters of a Service's name, and of a label's value.
const LABEL: usize = 63;
/// Characters of a key of a ConfigMap or a Secret.
const KEY: usize = 253;

/// The beginning of a text's SHA-256 in hex.
pub(super) fn digest(text: &str, characters: usize) -> String {
    let hex: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    hex[..characters.min(hex.len())].to_owned()
}

/// The name of a workload's objects: a Service's has to begin with a letter.
pub(super) fn object(application: &str) -> String {
    if application.starts_with(|c: char| c.is_ascii_lowercase()) {
        return application.chars().take(LABEL).collect();
    }
    let digest = digest(application, 6);
    let kept: String = application.chars().take(LABEL - 3 - digest.len()).collect();
    format!("w-{kept}-{digest}")
}

/// A key for something of a container; one that had to be altered is told apart by a digest.
pub(super) fn key(container: &str, name: &str) -> String {
    let plain: String = name.trim_start_matches('/').chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    let whole = format!("{container}.{plain}");
    if plain == name && whole.len() <= KEY {
        return whole;
    }
    let kept: String = whole.chars().take(KEY - 9).collect();
    format!("{kept}-{}", digest(name, 8))
}

fn allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.".contains(c)
}

/// Whether a text is a namespace's name.
pub(super) fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    (1..=LABEL).contains(&text.len())
        && text.chars().all(|c| inner(c) || c == '-')
        && text.starts_with(inner)
        && text.ends_with(inner)
}
