//! What travels through Redis.

use std::collections::HashMap;

use crate::domain::ids::{Fence, RunId};

/// A run that is due, and the fence it was queued under. Nothing else travels: whoever forges or edits a ticket can
/// at most make a worker look at a run that was due anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// The run.
    pub run_id: RunId,
    /// Its fence when it was queued; a claim under any other does nothing.
    pub fence: Fence,
}

/// A stream entry that is no ticket.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a ticket: field '{field}' is missing or malformed")]
pub struct MalformedTicket {
    /// The field at fault.
    pub field: &'static str,
}

/// The fields of a stream entry as Redis gives them: anyone may have written them, so they need not even be text.
pub type Fields = HashMap<Vec<u8>, Vec<u8>>;

const RUN: &str = "run";
const FENCE: &str = "fence";

impl Ticket {
    /// The fields of its stream entry.
    #[must_use]
    pub fn to_fields(self) -> [(&'static str, String); 2] {
        [(RUN, self.run_id.to_string()), (FENCE, self.fence.to_string())]
    }

    /// Reads a stream entry. Fields it does not know are ignored, so that a later version may add some.
    ///
    /// # Errors
    /// The first field that is missing or malformed.
    pub fn from_fields(fields: &Fields) -> Result<Self, MalformedTicket> {
        fn parse<T: std::str::FromStr>(fields: &Fields, field: &'static str) -> Result<T, MalformedTicket> {
            fields
                .get(field.as_bytes())
                .and_then(|bytes| std::str::from_utf8(bytes).ok())
                .and_then(|text| text.parse().ok())
                .ok_or(MalformedTicket { field })
        }
        Ok(Self { run_id: parse(fields, RUN)?, fence: Fence(parse(fields, FENCE)?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
    }

    proptest! {
        #[test]
        fn a_ticket_survives_its_stream_entry(fence in any::<i64>()) {
            let ticket = Ticket { run_id: RunId::new(), fence: Fence(fence) };
            let written = ticket.to_fields().map(|(name, value)| (name.as_bytes().to_vec(), value.into_bytes()));
            prop_assert_eq!(Ticket::from_fields(&Fields::from(written)), Ok(ticket));
        }

        #[test]
        fn no_entry_makes_reading_panic(entry in proptest::collection::hash_map(any::<Vec<u8>>(), any::<Vec<u8>>(), 0..4)) {
            let _ = Ticket::from_fields(&entry);
        }
    }

    #[test]
    fn an_entry_that_is_no_ticket_names_the_field_at_fault() {
        let run = RunId::new().to_string();
        assert_eq!(Ticket::from_fields(&fields(&[])), Err(MalformedTicket { field: "run" }));
        assert_eq!(Ticket::from_fields(&fields(&[("run", &run)])), Err(MalformedTicket { field: "fence" }));
        assert_eq!(
            Ticket::from_fields(&fields(&[("run", &run), ("fence", "1.5")])),
            Err(MalformedTicket { field: "fence" })
        );
    }
}
