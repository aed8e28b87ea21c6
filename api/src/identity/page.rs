//! Pages of plain HTML: they work without a script, and no policy allows one.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};

/// What a page says, put together from texts, which are never taken for markup.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    status: StatusCode,
    title: &'static str,
    body: String,
    /// Where its form may lead beside Slipway's own pages.
    leads_to: Option<String>,
}

impl Page {
    pub(crate) fn new(status: StatusCode, title: &'static str) -> Self {
        Self { status, title, body: String::new(), leads_to: None }
    }

    /// A paragraph.
    pub(crate) fn text(mut self, text: &str) -> Self {
        self.body.push_str(&format!("<p>{}</p>\n", escape(text)));
        self
    }

    /// A paragraph that says what is wrong.
    pub(crate) fn alert(mut self, text: &str) -> Self {
        self.body.push_str(&format!("<p class=\"alert\" role=\"alert\">{}</p>\n", escape(text)));
        self
    }

    /// What there is to know, name by name.
    pub(crate) fn facts(mut self, facts: &[(&str, &str)]) -> Self {
        let rows = facts.iter().map(|(name, value)| format!("<dt>{}</dt><dd>{}</dd>", escape(name), escape(value)));
        self.body.push_str(&format!("<dl>{}</dl>\n", rows.collect::<String>()));
        self
    }

    /// A link to a page of ours.
    pub(crate) fn link(mut self, path: &str, text: &str) -> Self {
        self.body.push_str(&format!("<p><a href=\"{}\">{}</a></p>\n", escape(path), escape(text)));
        self
    }

    /// A form.
    pub(crate) fn form(mut self, form: &Form) -> Self {
        let Form { action, fields, buttons } = form;
        self.body
            .push_str(&format!("<form method=\"post\" action=\"{}\">\n{fields}{buttons}</form>\n", escape(action)));
        self
    }

    /// Lets its form lead on to this origin; browsers hold redirects that follow a form to it too.
    pub(super) fn leading_to(mut self, origin: String) -> Self {
        self.leads_to = Some(origin);
        self
    }
}

/// A form of a page.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    action: &'static str,
    fields: String,
    buttons: String,
}

impl Form {
    pub(crate) fn to(action: &'static str) -> Self {
        Self { action, fields: String::new(), buttons: String::new() }
    }

    /// A value that goes along.
    pub(crate) fn hidden(mut self, name: &str, value: &str) -> Self {
        self.fields.push_str(&format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escape(value)));
        self
    }

    /// A field to fill in; `more` are attributes.
    pub(crate) fn field(mut self, name: &str, label: &str, value: &str, more: &str) -> Self {
        let (label, value) = (escape(label), escape(value));
        self.fields
            .push_str(&format!("<label>{label}<input name=\"{name}\" value=\"{value}\" required {more}></label>\n"));
        self
    }

    /// A button that sends the form.
    pub(crate) fn button(mut self, text: &str) -> Self {
        self.buttons.push_str(&format!("<button>{}</button>\n", escape(text)));
        self
    }

    /// A button that sends the form and says which it was.
    pub(crate) fn answer(mut self, value: &str, text: &str) -> Self {
        self.buttons.push_str(&format!("<button name=\"answer\" value=\"{value}\">{}</button>\n", escape(text)));
        self
    }
}

impl IntoResponse for Page {
    fn into_response(self) -> Response {
        let title = escape(self.title);
        let html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
             content=\"width=device-width\">\n<title>{title} · Slipway</title>\n<link rel=\"icon\" href=\"/icon.svg\">\n\
             <link rel=\"stylesheet\" href=\"/login/style.css\">\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{}</main>\n</body>\n</html>\n",
            self.body
        );
        let mut response = (self.status, Html(html)).into_response();
        let more = self.leads_to.map(|origin| format!(" {origin}")).unwrap_or_default();
        let policy = format!(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{more}; frame-ancestors 'none'; base-uri 'none'"
        );
        // The origin is made of digits and letters of our own.
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

/// Adds what every answer to a page is to say. The referrer stays within the site, and not away altogether: browsers would send
/// forms with `Origin: null` then.
pub(crate) fn guard(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Headers of everything that the pages answer.
pub(super) async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    guard(response.headers_mut());
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// How the pages look.
pub(super) async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=3600")];
    (headers, include_str!("style.css")).into_response()
}

/// Goes on to a page by GET.
pub(super) fn see_other(location: &str) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    // What cannot be in a header leads to the start.
    let location = HeaderValue::from_str(location).unwrap_or(HeaderValue::from_static("/account"));
    response.headers_mut().insert(header::LOCATION, location);
    response
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Marks that turn the direction of writing would have one name look like another.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_said_is_markup() {
        let page = Page::new(StatusCode::OK, "T").text("<script>\u{202e}").facts(&[("a", "\"x\" & 'y'")]);
        assert_eq!(page.body, "<p>&lt;script&gt;</p>\n<dl><dt>a</dt><dd>&quot;x&quot; &amp; &#39;y&#39;</dd></dl>\n");
    }
}
