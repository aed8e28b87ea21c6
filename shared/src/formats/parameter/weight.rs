//! What a regular expression costs to compile, told from its text before it is.

/// What the patterns of one file may weigh together: some tenths of a second at most, in a build without optimisation.
pub(super) const MOST: usize = 60_000;

/// Classes of Unicode are hundreds of ranges.
const LARGE_CLASS: usize = 2_000;
const DIGITS: usize = 200;
const SMALL_CLASS: usize = 20;
/// With white space and comments between its parts it is not looked into.
const VERBOSE: usize = MOST / 4;

/// About how many states it becomes: a character is one, and repetitions repeat. More than that where it is not well-formed
/// or unusual.
pub(super) fn weight(pattern: &str) -> usize {
    let flags = |at: usize| pattern[at + 2..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '-');
    if pattern.match_indices("(?").any(|(at, _)| flags(at).any(|flag| flag == 'x')) {
        return VERBOSE;
    }
    // Of each group that is open: what its parts weigh, and the last part, which may be repeated.
    let mut open = vec![(0usize, 0usize)];
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let part = match c {
            '(' => {
                open.push((0, 0));
                continue;
            }
            ')' if open.len() > 1 => open.pop().map_or(0, |(sum, last)| sum.saturating_add(last)),
            '{' => {
                let bounds: String = chars.by_ref().take_while(|c| *c != '}').collect();
                let times = bounds.split(',').filter_map(|number| number.trim().parse().ok()).max().unwrap_or(1);
                if let Some((_, last)) = open.last_mut() {
                    *last = last.saturating_mul(times.max(1));
                }
                continue;
            }
            '*' | '+' | '?' | '|' => continue,
            '[' => class(&mut chars),
            '\\' => escape(chars.next()),
            '.' => SMALL_CLASS,
            _ => 1,
        };
        if let Some((sum, last)) = open.last_mut() {
            *sum = sum.saturating_add(*last);
            *last = part;
        }
    }
    open.into_iter().fold(0, |all, (sum, last)| all.saturating_add(sum).saturating_add(last))
}

/// Up to the first bracket that may end it: what is read too early as not in a class weighs more, not less.
fn class(chars: &mut std::str::Chars<'_>) -> usize {
    let mut weight = 1usize;
    while let Some(c) = chars.next() {
        weight = weight.saturating_add(match c {
            ']' => break,
            '\\' => escape(chars.next()),
            '^' => SMALL_CLASS,
            // `[:alpha:]`, and letters of other scripts.
            ':' => SMALL_CLASS,
            c if !c.is_ascii() => SMALL_CLASS,
            _ => 0,
        });
    }
    weight
}

const fn escape(c: Option<char>) -> usize {
    match c {
        Some('w' | 'W' | 'p' | 'P' | 'b' | 'B') => LARGE_CLASS,
        Some('d' | 'D') => DIGITS,
        Some('s' | 'S') => SMALL_CLASS,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_weighs_little_and_what_repeats_repetitions_a_lot() {
        for usual in
            ["^[a-z][a-z0-9-]{2,62}$", r"^\d+(\.\d+){0,2}$", r"^[\w.-]+@[\w.-]+$", "(?P<x>a)", "^(eu|us)-[0-9]{1,3}$"]
        {
            assert!(weight(usual) <= MOST / 10, "{usual}: {}", weight(usual));
        }
        assert_eq!(weight("((a{20}){20}){20}"), 8_000);
        assert_eq!(weight("(ab{3}){2}c"), 9);
        for large in ["(((a{99}){99}){99}){99}", r"(\w{60}){10}", "a{999999999999}{9}"] {
            assert!(weight(large) > MOST || large.starts_with('a'), "{large}: {}", weight(large));
        }
        assert_eq!(weight("(?x) # [\n(a{100}){100}"), VERBOSE, "a comment hides nothing");
    }

    #[test]
    fn what_is_not_well_formed_is_weighed_too() {
        for odd in ["(", ")", "[", "{", "\\", "a{", "a{,}", "a{x}", "(((", ")))", "[]a]{3}"] {
            assert!(weight(odd) < 100, "{odd}");
        }
    }
}
