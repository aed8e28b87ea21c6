//! The forms in which a secret may show: as it is, and as tools write it.

use std::fmt::Write as _;

use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD},
};

/// Shorter values are not masked: they would blank out ordinary text.
pub(super) const SHORTEST: usize = 4;
/// Values from this length on are masked in base64 and hex too: shorter ones look like much that is none.
const SHORTEST_ENCODED: usize = 6;
/// Longer forms are masked in parts only.
const LONGEST: usize = 16 * 1024;
/// Columns at which tools break base64 and hex.
const COLUMNS: [usize; 3] = [60, 64, 76];
/// The shortest line of a broken form that is looked for.
const SHORTEST_LINE: usize = 12;

/// Every form of a secret that is looked for; some may come twice.
pub(super) fn forms(secret: &str) -> Vec<String> {
    let mut forms = Vec::new();
    let mut add = |form: String| {
        if (SHORTEST..=LONGEST).contains(&form.len()) {
            forms.push(form);
        }
    };
    let whole = secret.trim();
    // Output comes line by line.
    for value in std::iter::once(whole).chain(whole.lines().map(str::trim).filter(|line| *line != whole)) {
        if value.len() < SHORTEST {
            continue;
        }
        add(value.to_owned());
        for text in json(value) {
            add(text);
        }
        for text in percent(value) {
            add(text);
        }
    }
    // With the newline at its end it has another form: a file that is encoded as it is.
    for value in [whole, secret] {
        if value.len() < SHORTEST_ENCODED {
            continue;
        }
        for (text, broken) in encoded(value.as_bytes()) {
            if broken {
                for column in COLUMNS {
                    let lines = text.as_bytes().chunks(column).filter_map(|line| std::str::from_utf8(line).ok());
                    lines.filter(|line| line.len() >= SHORTEST_LINE).for_each(|line| add(line.to_owned()));
                }
            }
            add(text);
        }
    }
    forms
}

/// Inside a JSON string, with and without what is not ASCII escaped, and slashes too.
fn json(value: &str) -> Vec<String> {
    let quoted = serde_json::Value::from(value).to_string();
    let inner = quoted[1..quoted.len() - 1].to_owned();
    let mut ascii = String::with_capacity(inner.len());
    for c in inner.chars() {
        if c.is_ascii() {
            ascii.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // A String takes whatever is written to it.
            let _ = write!(ascii, "\\u{unit:04x}");
        }
    }
    let slashes = inner.replace('/', "\\/");
    // As another program's string inside a string.
    let twice = serde_json::Value::from(inner.as_str()).to_string();
    let twice = twice[1..twice.len() - 1].to_owned();
    [inner, ascii, slashes, twice].into_iter().filter(|form| form != value).collect()
}

/// In URLs and forms.
fn percent(value: &str) -> Vec<String> {
    let escape = |plain: &dyn Fn(u8) -> bool, upper: bool, plus: bool| {
        let mut text = String::with_capacity(value.len() * 3);
        for byte in value.bytes() {
            let _ = match byte {
                b' ' if plus => write!(text, "+"),
                byte if plain(byte) => write!(text, "{}", char::from(byte)),
                byte if upper => write!(text, "%{byte:02X}"),
                byte => write!(text, "%{byte:02x}"),
            };
        }
        text
    };
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let component = |byte: u8| unreserved(byte) || b"!*'()".contains(&byte);
    let path = |byte: u8| unreserved(byte) || b"/".contains(&byte);
    let form = |byte: u8| byte.is_ascii_alphanumeric() || b"-._*".contains(&byte);
    let mut forms = Vec::new();
    for upper in [true, false] {
        forms.push(escape(&unreserved, upper, false));
        forms.push(escape(&component, upper, false));
        forms.push(escape(&path, upper, false));
        forms.push(escape(&form, upper, true));
        forms.push(escape(&|_| false, upper, false));
    }
    forms.retain(|form| form != value);
    forms
}

/// In base64, wherever in a longer text the secret begins, and in hex; and whether tools break that form into lines.
fn encoded(bytes: &[u8]) -> Vec<(String, bool)> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let padded = [&[0; 2][..before], bytes].concat();
        // Letters that hold only bits of the secret.
        let (from, to) = ((before * 8).div_ceil(6), padded.len() * 8 / 6);
        for text in [BASE64_STANDARD_NO_PAD.encode(&padded), BASE64_URL_SAFE_NO_PAD.encode(&padded)] {
            // At the end of the text its last letter is its own too.
            for core in [text.get(from..to), text.get(from..)].into_iter().flatten() {
                if core.len() >= SHORTEST_ENCODED {
                    forms.push((core.to_owned(), before == 0));
                }
            }
        }
    }
    let lower = hex(bytes, "");
    let upper = lower.to_uppercase();
    for between in [":", " "] {
        let apart = hex(bytes, between);
        forms.push((apart.to_uppercase(), false));
        forms.push((apart, false));
    }
    forms.extend([(lower, true), (upper, true)]);
    forms
}

fn hex(bytes: &[u8], between: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(between)
}
