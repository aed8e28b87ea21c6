//! Where a browser goes on after a login.

/// A path of ours. Whatever else is asked for becomes the dashboard, so that a login never sends anybody to
/// another site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReturnTo(String);

/// Characters that a path with its query may have.
const MAX: usize = 1024;

impl ReturnTo {
    /// From what a request says.
    pub(crate) fn of(asked: Option<&str>) -> Self {
        Self(asked.filter(|path| is_own(path)).unwrap_or("/").to_owned())
    }

    /// The path.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a browser resolves it to a path of ours. Browsers drop tabs and line ends, and take `\` for `/`.
fn is_own(path: &str) -> bool {
    let bytes = path.as_bytes();
    let absolute = bytes.first() == Some(&b'/') && !matches!(bytes.get(1), Some(b'/' | b'\\'));
    absolute && bytes.len() <= MAX && bytes.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_are_gone_to() {
        for own in ["/device", "/cli/login?port=1&state=a%2Fb", "/"] {
            assert_eq!(ReturnTo::of(Some(own)).as_str(), own);
        }
        for foreign in [
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/x\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
            " /device",
            "",
        ] {
            assert_eq!(ReturnTo::of(Some(foreign)).as_str(), "/", "{foreign:?}");
        }
        assert_eq!(ReturnTo::of(None).as_str(), "/");
    }
}
