//! What the three state machines share: names for states, and the answer of a compare-and-set.

/// What became of a transition asked of the database.
#[must_use = "a stale transition changed nothing; the caller must look"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied<T = ()> {
    /// The row was as expected, and is changed.
    Applied(T),
    /// The row was no longer as expected (its lease moved on, or another got there first): nothing changed.
    Stale,
}

impl<T> Applied<T> {
    /// From the row an `UPDATE … RETURNING` gave, if it gave one.
    pub fn from_row(row: Option<T>) -> Self {
        row.map_or(Self::Stale, Self::Applied)
    }

    /// Whether the write took place.
    pub fn is_applied(&self) -> bool {
        matches!(self, Self::Applied(_))
    }
}

/// Declares an enum of states stored as text, with its name for people and machines.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize, sqlx::Type)]
        #[sqlx(type_name = "text")]
        pub enum $name {
            $(
                $(#[$variant_doc])*
                #[serde(rename = $text)]
                #[sqlx(rename = $text)]
                $variant,
            )+
        }

        impl $name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name used in the database, the API and the logs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::domain::states::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|value| value.as_str() == text).ok_or_else(|| {
                    crate::domain::states::UnknownName {
                        found: text.chars().take(64).collect(),
                        allowed: Self::ALL.iter().map(|value| value.as_str()).collect::<Vec<_>>().join(", "),
                    }
                })
            }
        }
    };
}
pub(crate) use states;

/// A name that is none of the allowed ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{found}' is not one of: {allowed}")]
pub struct UnknownName {
    /// What was given, cut to 64 characters.
    pub found: String,
    /// The names that would have been taken.
    pub allowed: String,
}
