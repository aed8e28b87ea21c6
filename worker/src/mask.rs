//! Keeps secret values out of logs, messages and events, in whatever common form they show.

mod forms;

use std::{
    collections::BTreeSet,
    sync::{Arc, RwLock},
};

use aho_corasick::{AhoCorasick, MatchKind};
use shared::secrets::token;

/// What stands in a secret's place.
const MASK: &str = "***";
/// From this length on, a secret inside a value makes the value one: `5432` is in much that is none.
const TELLING: usize = 6;
/// Forms that one run's secrets may have together; beyond that only the values themselves are masked.
const MOST_FORMS: usize = 20_000;

/// The secret values of one run. Values are added as they become known; what was written before stays as it was.
#[derive(Default)]
pub struct Mask {
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    values: BTreeSet<String>,
    forms: BTreeSet<String>,
    /// Finds all forms at once; made when it is needed first.
    finder: Option<Arc<Finder>>,
}

struct Finder {
    machine: AhoCorasick,
    /// Bytes of the longest form.
    longest: usize,
}

impl std::fmt::Debug for Mask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.known.read().map_or(0, |known| known.values.len());
        write!(f, "Mask({count} values)")
    }
}

impl Mask {
    /// Masks `secret` from now on: as it is, each line of it, and as JSON, URLs, base64 and hex write it.
    pub fn add(&self, secret: &str) {
        let Ok(mut known) = self.known.write() else { return };
        if secret.trim().len() < forms::SHORTEST || !known.values.insert(secret.to_owned()) {
            return;
        }
        let found = forms::forms(secret);
        let room = MOST_FORMS.saturating_sub(known.forms.len());
        if found.len() <= room {
            known.forms.extend(found);
        } else {
            known.forms.insert(secret.trim().to_owned());
        }
        known.finder = None;
    }

    /// Masks every string and number inside a value.
    pub fn add_value(&self, value: &serde_json::Value) {
        match value {
            serde_json::Value::String(text) => self.add(text),
            serde_json::Value::Array(items) => items.iter().for_each(|item| self.add_value(item)),
            serde_json::Value::Object(map) => map.values().for_each(|item| self.add_value(item)),
            serde_json::Value::Number(number) => self.add(&number.to_string()),
            serde_json::Value::Bool(_) | serde_json::Value::Null => {}
        }
    }

    /// Whether any string inside a value holds a secret of some length.
    #[must_use]
    pub fn hides(&self, value: &serde_json::Value) -> bool {
        self.finder().is_some_and(|finder| finder.is_in(value))
    }

    /// The text without secrets, without NUL, which Postgres cannot hold.
    #[must_use]
    pub fn clean(&self, text: &str) -> String {
        let text = text.replace('\0', "\u{fffd}");
        let text = token::masked_text(&text);
        let Some(finder) = self.finder() else { return text.into_owned() };
        let mut cleaned = String::with_capacity(text.len());
        let mut from = 0;
        for (start, end) in finder.places(&text) {
            cleaned.push_str(&text[from..start]);
            cleaned.push_str(MASK);
            from = end;
        }
        cleaned.push_str(&text[from..]);
        cleaned
    }

    /// Where a text may be cut in two without cutting a secret that goes on behind it: at the end, or before what may be the begin of one.
    #[must_use]
    pub fn safe_cut(&self, text: &str) -> usize {
        let Some(finder) = self.finder() else { return text.len() };
        let mut cut = text.floor_char_boundary(text.len().saturating_sub(finder.longest.saturating_sub(1)));
        // Not in the middle of one that is whole either.
        if let Some((start, _)) = finder.places(text).into_iter().find(|(start, end)| *start < cut && cut < *end) {
            cut = start;
        }
        cut
    }

    fn finder(&self) -> Option<Arc<Finder>> {
        {
            let known = self.known.read().ok()?;
            if known.finder.is_some() || known.forms.is_empty() {
                return known.finder.clone();
            }
        }
        let mut known = self.known.write().ok()?;
        if known.finder.is_none() {
            // Refused only beyond four billion states; forms have a bound far below.
            let machine = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&known.forms).ok()?;
            let longest = known.forms.iter().map(String::len).max().unwrap_or_default();
            known.finder = Some(Arc::new(Finder { machine, longest }));
        }
        known.finder.clone()
    }
}

impl Finder {
    fn is_in(&self, value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => self.tells(text),
            serde_json::Value::Array(items) => items.iter().any(|item| self.is_in(item)),
            serde_json::Value::Object(map) => map.iter().any(|(key, item)| self.tells(key) || self.is_in(item)),
            serde_json::Value::Number(_) | serde_json::Value::Bool(_) | serde_json::Value::Null => false,
        }
    }

    fn tells(&self, text: &str) -> bool {
        self.machine.find_overlapping_iter(text).any(|found| found.len() >= TELLING)
    }

    /// All places of secrets, in order; those that overlap or touch are one.
    fn places(&self, text: &str) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> =
            self.machine.find_overlapping_iter(text).map(|found| (found.start(), found.end())).collect();
        found.sort_unstable();
        let mut places: Vec<(usize, usize)> = Vec::new();
        for (start, end) in found {
            match places.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => places.push((start, end)),
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(secrets: &[&str]) -> Mask {
        let mask = Mask::default();
        secrets.iter().for_each(|secret| mask.add(secret));
        mask
    }

    #[test]
    fn a_secret_of_several_lines_is_masked_line_by_line() {
        let mask = mask(&["-----BEGIN KEY-----\nabcdefgh\n-----END KEY-----\n"]);
        assert_eq!(mask.clean("read abcdefgh here"), "read *** here");
        assert_eq!(mask.clean("-----BEGIN KEY-----"), "***");
    }

    #[test]
    fn a_secret_that_contains_another_is_masked_whole_and_overlaps_leave_nothing() {
        let mask = mask(&["hunter2", "xxhunter2yy", "hunter2and", "andmore"]);
        assert_eq!(mask.clean("xxhunter2yy hunter2"), "*** ***");
        assert_eq!(mask.clean("hunter2andmore."), "***.");
    }

    #[test]
    fn a_short_value_is_left_alone_and_nul_is_replaced() {
        assert_eq!(mask(&["abc"]).clean("abc\0b"), "abc\u{fffd}b");
        assert_eq!(mask(&["abcd"]).clean("xabcdx 61626364"), "x***x 61626364", "too short for hex");
    }

    #[test]
    fn a_secret_is_masked_as_json_urls_base64_and_hex_write_it() {
        let secret = "p\"ä/ss w+rd?1\\2";
        let mask = mask(&[secret]);
        for shown in [
            r#"p\"ä/ss w+rd?1\\2"#,
            r#"p\"\u00e4/ss w+rd?1\\2"#,
            r#"p\"ä\/ss w+rd?1\\2"#,
            "p%22%C3%A4%2Fss%20w%2Brd%3F1%5C2",
            "p%22%c3%a4%2fss%20w%2brd%3f1%5c2",
            "p%22%C3%A4%2Fss+w%2Brd%3F1%5C2",
            "7022c3a42f737320772b72643f315c32",
            "7022C3A42F737320772B72643F315C32",
            "70:22:c3:a4:2f:73:73:20:77:2b:72:64:3f:31:5c:32",
        ] {
            assert_eq!(mask.clean(&format!("<{shown}>")), "<***>", "{shown}");
        }
    }

    #[test]
    fn base64_hides_it_wherever_in_a_longer_text_it_begins() {
        use base64::{Engine as _, prelude::*};
        let secret = "s3cr3t?~\u{ff}value";
        let mask = mask(&[secret]);
        for (before, after) in [("", ""), ("a", ""), ("ab", "z"), ("user:", "zz"), ("Basic", "\n")] {
            let text = format!("{before}{secret}{after}");
            for shown in [BASE64_STANDARD.encode(&text), BASE64_URL_SAFE_NO_PAD.encode(&text)] {
                let cleaned = mask.clean(&shown);
                assert!(cleaned.contains(MASK), "{shown}");
                // What is left are the neighbours and at most the letters that mix with them.
                let left: usize = cleaned.replace(MASK, "").trim_end_matches('=').len();
                assert!(
                    left <= (before.len() * 8).div_ceil(6) + (after.len() * 8).div_ceil(6) + 2,
                    "{shown}: {cleaned}"
                );
            }
        }
    }

    #[test]
    fn a_long_secret_is_masked_in_base64_that_is_broken_into_lines() {
        use base64::{Engine as _, prelude::*};
        let secret: String = (0..40).map(|number| format!("line {number} of a key\n")).collect();
        let mask = mask(&[&secret]);
        for column in [64, 76] {
            let shown = BASE64_STANDARD.encode(&secret);
            let lines: Vec<&str> =
                shown.as_bytes().chunks(column).map(|line| std::str::from_utf8(line).unwrap()).collect();
            for line in lines.iter().filter(|line| line.len() > 16) {
                assert_eq!(mask.clean(line).trim_end_matches('='), MASK, "{line}");
            }
        }
    }

    #[test]
    fn a_text_is_never_cut_inside_a_secret() {
        let mask = mask(&["correct horse battery staple"]);
        let text = format!("{} correct horse battery staple, correct horse ba", "x".repeat(2_000));
        let cut = mask.safe_cut(&text);
        let (done, rest) = text.split_at(cut);
        assert!(rest.contains("correct horse ba"), "{rest}");
        assert_eq!(mask.clean(done).matches("correct").count(), 0, "{done}");
        let whole = format!("{}{}", mask.clean(done), mask.clean(&format!("{rest}ttery staple.")));
        assert!(whole.ends_with(" ***, ***."), "{whole}");
        assert_eq!(Mask::default().safe_cut("abc"), 3);
    }

    #[test]
    fn a_value_with_a_secret_in_it_is_known_for_it() {
        let mask = mask(&["hunter2"]);
        assert!(mask.hides(&serde_json::json!({"a": ["x", {"b": "my hunter2"}]})));
        assert!(mask.hides(&serde_json::json!({"hunter2": 1})));
        assert!(!mask.hides(&serde_json::json!({"a": "hunter"})));
        mask.add("5432");
        assert!(!mask.hides(&serde_json::json!("db.example:5432")));
    }
}
