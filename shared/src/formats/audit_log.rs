//! The record of changes as it is exported: a JSON object a line, each with the hash of the one before it.
//!
//! The hash of an entry is SHA-256 over [`DOMAIN`] and the entry's own JSON, members sorted, without white space and without
//! `hash`. It holds `seq` and `previous`, so no entry can be changed, taken out, put in or moved without another hash.

mod head;

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::canonical::canonical;
pub use head::{KeyError, SignedHead, SigningKey, Unsigned};

/// SHA-256.
pub type Hash = [u8; 32];

/// What the first entry has as the hash of the one before it.
pub const FIRST: Hash = [0; 32];

/// In front of what is hashed, so that no hash of anything else can be taken for one of these.
const DOMAIN: &[u8] = b"slipway-audit-1\n";

/// The hash that the entry should have.
#[must_use]
pub fn hash(entry: &Value) -> Hash {
    let mut content = entry.clone();
    if let Some(members) = content.as_object_mut() {
        members.remove("hash");
    }
    Sha256::new().chain_update(DOMAIN).chain_update(canonical(&content)).finalize().into()
}

/// Where and how a chain is broken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// Something that is no entry at all.
    #[error("line {line}: not an entry of the audit log: {what}")]
    NotAnEntry {
        /// Its line, from 1.
        line: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Entries are missing, doubled, or not in order.
    #[error("after entry {after} comes entry {found}: {}", if found > after { "those between are missing" } else { "it is doubled or out of order" })]
    Gap {
        /// The last one that was right.
        after: i64,
        /// What came then.
        found: i64,
    },
    /// The first entry is not the first.
    #[error("the log begins with entry {found}, not with the first")]
    NoBeginning {
        /// Its number.
        found: i64,
    },
    /// An entry was put on another one.
    #[error("entry {seq} (id {id}) does not follow entry {}: it names another hash for it", seq - 1)]
    Relinked {
        /// Its number.
        seq: i64,
        /// Its id.
        id: i64,
    },
    /// The content is not what was chained.
    #[error("entry {seq} (id {id}) was changed after it was chained: its content has the hash {found}, not {expected}")]
    Altered {
        /// Its number.
        seq: i64,
        /// Its id.
        id: i64,
        /// The hash it says.
        expected: String,
        /// The hash it has.
        found: String,
    },
    /// The chain is another one than when a head of it was noted.
    #[error(
        "entry {seq} has the hash {found}, and when its head was noted it had {noted}: the chain was made anew since"
    )]
    OtherChain {
        /// Its number.
        seq: i64,
        /// The hash now.
        found: String,
        /// The hash then.
        noted: String,
    },
    /// Entries at the end are gone.
    #[error("the log ends with entry {last}, and a head was noted at entry {noted}: the end was cut off")]
    CutOff {
        /// The last entry.
        last: i64,
        /// The one that was noted.
        noted: i64,
    },
}

/// What was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The number of the first entry.
    pub first: i64,
    /// The number of the last one; 0 when there is none.
    pub last: i64,
    /// The hash of the last one.
    pub hash: Hash,
    /// Entries that are not chained yet, which nothing is promised about.
    pub unchained: u64,
    /// Noted heads that were found again.
    pub heads: usize,
}

/// Recomputes a chain, entry by entry.
#[derive(Clone, Debug, Default)]
pub struct Verifier {
    partial: bool,
    heads: BTreeMap<i64, Hash>,
    first: i64,
    last: Option<(i64, Hash)>,
    unchained: u64,
    lines: u64,
    found_heads: usize,
}

impl Verifier {
    /// One for a log that begins with the first entry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a part of a log, too: its first entry is believed about the one before.
    #[must_use]
    pub fn partial(mut self) -> Self {
        self.partial = true;
        self
    }

    /// Expects entry `seq` to have this hash, as was noted elsewhere when it was the last one.
    #[must_use]
    pub fn with_head(mut self, seq: i64, hash: Hash) -> Self {
        if seq > 0 {
            self.heads.insert(seq, hash);
        }
        self
    }

    /// The next entry.
    ///
    /// # Errors
    /// When it does not go on from those before.
    pub fn feed(&mut self, entry: &Value) -> Result<(), Break> {
        self.lines += 1;
        let not = |what| Break::NotAnEntry { line: self.lines, what };
        let members = entry.as_object().ok_or_else(|| not("it is not a JSON object"))?;
        let id = members.get("id").and_then(Value::as_i64).ok_or_else(|| not("it has no `id`"))?;
        let seq = match members.get("seq") {
            None | Some(Value::Null) => {
                self.unchained += 1;
                return Ok(());
            }
            Some(seq) => seq.as_i64().filter(|seq| *seq > 0).ok_or_else(|| not("`seq` is no number from 1"))?,
        };
        let (previous, own) = (member(entry, "previous"), member(entry, "hash"));
        let previous = previous.ok_or_else(|| not("`previous` is no hash"))?;
        let own = own.ok_or_else(|| not("`hash` is no hash"))?;
        match self.last {
            Some((last, _)) if seq != last + 1 => return Err(Break::Gap { after: last, found: seq }),
            Some((_, hash)) if previous != hash => return Err(Break::Relinked { seq, id }),
            None if seq == 1 && previous != FIRST => return Err(Break::Relinked { seq, id }),
            None if seq > 1 && !self.partial => return Err(Break::NoBeginning { found: seq }),
            _ => {}
        }
        let found = hash(entry);
        if found != own {
            return Err(Break::Altered { seq, id, expected: hex::encode(own), found: hex::encode(found) });
        }
        if let Some(noted) = self.heads.get(&seq) {
            if *noted != found {
                return Err(Break::OtherChain { seq, found: hex::encode(found), noted: hex::encode(noted) });
            }
            self.found_heads += 1;
        }
        if self.last.is_none() {
            self.first = seq;
        }
        self.last = Some((seq, found));
        Ok(())
    }

    /// The end of the log.
    ///
    /// # Errors
    /// When a head was noted further on.
    pub fn finish(self) -> Result<Verified, Break> {
        let (last, hash) = self.last.unwrap_or((0, FIRST));
        match self.heads.last_key_value() {
            Some((noted, _)) if *noted > last => Err(Break::CutOff { last, noted: *noted }),
            _ => Ok(Verified { first: self.first, last, hash, unchained: self.unchained, heads: self.found_heads }),
        }
    }
}

fn member(entry: &Value, name: &str) -> Option<Hash> {
    parse_hash(entry.get(name)?.as_str()?)
}

/// Reads 64 hexadecimal digits.
#[must_use]
pub fn parse_hash(text: &str) -> Option<Hash> {
    hex::decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn chain(length: i64) -> Vec<Value> {
        let mut previous = FIRST;
        (1..=length)
            .map(|seq| {
                let mut entry = json!({"seq": seq, "previous": hex::encode(previous), "id": seq * 3, "action": "run.cancel",
                                       "after": {"figure": 0.1 + seq as f64, "text": "é\n\u{202e}"}});
                previous = hash(&entry);
                entry["hash"] = json!(hex::encode(previous));
                entry
            })
            .collect()
    }

    fn verify(verifier: Verifier, lines: &[Value]) -> Result<Verified, Break> {
        let mut verifier = verifier;
        for line in lines {
            // As it goes over a wire and through other programs.
            let line: Value = serde_json::from_str(&line.to_string()).unwrap();
            verifier.feed(&line)?;
        }
        verifier.finish()
    }

    #[test]
    fn an_intact_chain_is_verified_and_what_is_not_chained_is_counted() {
        let mut lines = chain(5);
        lines.push(json!({"seq": null, "id": 99}));
        let verified = verify(Verifier::new(), &lines).unwrap();
        assert_eq!((verified.first, verified.last, verified.unchained), (1, 5, 1));
        assert_eq!(verify(Verifier::new(), &[]).unwrap().last, 0);
    }

    #[test]
    fn every_way_to_tamper_is_told_with_its_place() {
        let whole = chain(5);
        let broken = |change: &dyn Fn(&mut Vec<Value>)| {
            let mut lines = whole.clone();
            change(&mut lines);
            verify(Verifier::new(), &lines).unwrap_err()
        };
        let altered = broken(&|lines| lines[2]["action"] = json!("run.view"));
        assert!(matches!(altered, Break::Altered { seq: 3, id: 9, .. }), "{altered}");
        assert_eq!(broken(&|lines| drop(lines.remove(2))), Break::Gap { after: 2, found: 4 });
        assert_eq!(broken(&|lines| lines.swap(1, 2)), Break::Gap { after: 1, found: 3 });
        assert_eq!(broken(&|lines| drop(lines.remove(0))), Break::NoBeginning { found: 2 });
        // Changed, and its own hash made to fit: the next one tells.
        let rehashed = broken(&|lines| {
            lines[2]["action"] = json!("run.view");
            lines[2]["hash"] = json!(hex::encode(hash(&lines[2])));
        });
        assert_eq!(rehashed, Break::Relinked { seq: 4, id: 12 });
        let nothing = broken(&|lines| lines[0] = json!([]));
        assert_eq!(nothing.to_string(), "line 1: not an entry of the audit log: it is not a JSON object");
    }

    #[test]
    fn a_noted_head_tells_when_the_end_is_cut_off_or_the_chain_made_anew() {
        let whole = chain(5);
        let head = parse_hash(whole[4]["hash"].as_str().unwrap()).unwrap();
        assert_eq!(verify(Verifier::new().with_head(5, head), &whole).unwrap().heads, 1);
        assert_eq!(verify(Verifier::new().with_head(5, head), &whole[..3]), Err(Break::CutOff { last: 3, noted: 5 }));
        let other = verify(Verifier::new().with_head(5, [1; 32]), &whole).unwrap_err();
        assert!(matches!(other, Break::OtherChain { seq: 5, .. }), "{other}");
        // Without one, a cut at the end cannot be seen.
        assert_eq!(verify(Verifier::new(), &whole[..3]).unwrap().last, 3);
    }

    #[test]
    fn a_part_of_a_log_is_verified_when_it_is_said_to_be_one() {
        let whole = chain(5);
        assert_eq!(verify(Verifier::new().partial(), &whole[2..]).unwrap().first, 3);
        assert_eq!(verify(Verifier::new(), &whole[2..]), Err(Break::NoBeginning { found: 3 }));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_figure_changes_on_its_way_through_json(figure in any::<f64>().prop_filter("JSON has none", |it| it.is_finite())) {
            let entry = json!({"figure": figure});
            let read: Value = serde_json::from_str(&entry.to_string()).unwrap();
            prop_assert_eq!(hash(&entry), hash(&read));
        }

        #[test]
        fn nothing_that_is_fed_makes_it_panic(text in ".{0,64}", seq in any::<i64>()) {
            let mut verifier = Verifier::new();
            let _ = verifier.feed(&json!({"seq": seq, "id": seq, "previous": text, "hash": text}));
            let _ = verifier.feed(&json!(text));
        }
    }
}
