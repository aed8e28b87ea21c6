//! How people are told.

use std::fmt::Display;

/// `1 resource`, `2 resources`.
#[must_use]
pub fn count(number: impl Display, what: &str) -> String {
    let number = number.to_string();
    let plural = if number == "1" { "" } else { "s" };
    format!("{number} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one_and_all_else_are_many() {
        assert_eq!([0, 1, 2, 11].map(|number| count(number, "run")), ["0 runs", "1 run", "2 runs", "11 runs"]);
    }
}
