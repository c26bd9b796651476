//! [`Page`]: what the browser shows at the end of its way. Nothing is loaded, no script runs, nobody may frame it.

use base64::{Engine, engine::general_purpose::STANDARD};
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    body::Bytes,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
        X_CONTENT_TYPE_OPTIONS,
    },
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::callback::Stray;

const FRAME: &str = include_str!("pages/frame.html");
const STYLE: &str = include_str!("pages/style.css");

/// A page with its HTTP status.
#[derive(Clone, Debug)]
pub(super) struct Page {
    status: StatusCode,
    html: String,
}

/// What a page says with its colour and sign.
#[derive(Clone, Copy)]
enum Kind {
    Good,
    Bad,
    Odd,
}

impl Page {
    /// The sign-in is done.
    pub(super) fn signed_in(session: &str, start_url: &str) -> Self {
        let body =
            fill(include_str!("pages/signed-in.html"), &[("session", session), ("start_url", start_url)]);
        Self::new(StatusCode::OK, Kind::Good, "You are signed in", &body)
    }

    /// The user said no.
    pub(super) fn refused(session: &str) -> Self {
        let body = fill(include_str!("pages/refused.html"), &[("session", session)]);
        Self::new(StatusCode::OK, Kind::Bad, "Sign-in refused", &body)
    }

    /// There is no token, and `why`.
    pub(super) fn failed(session: &str, why: &str) -> Self {
        let body = fill(include_str!("pages/failed.html"), &[("session", session), ("why", why)]);
        Self::new(StatusCode::BAD_GATEWAY, Kind::Bad, "Sign-in failed", &body)
    }

    /// Another tab was faster.
    pub(super) fn answered(session: &str) -> Self {
        let body = fill(include_str!("pages/answered.html"), &[("session", session)]);
        Self::new(StatusCode::CONFLICT, Kind::Odd, "Already answered", &body)
    }

    /// For a request that is no answer.
    pub(super) fn stray(stray: &Stray, session: &str) -> Self {
        let nothing = include_str!("pages/nothing-here.html");
        let (status, title, body) = match stray {
            Stray::State => {
                (StatusCode::BAD_REQUEST, "The wrong tab", include_str!("pages/another-sign-in.html"))
            }
            Stray::Shape => {
                (StatusCode::BAD_REQUEST, "This can’t be read", include_str!("pages/unreadable.html"))
            }
            Stray::Path => (StatusCode::NOT_FOUND, "Nothing is here", nothing),
            Stray::Method => (StatusCode::METHOD_NOT_ALLOWED, "Nothing is taken here", nothing),
            Stray::Host => (StatusCode::MISDIRECTED_REQUEST, "Nothing is here", nothing),
        };
        Self::new(status, Kind::Odd, title, &fill(body, &[("session", session)]))
    }

    /// `body` is HTML.
    fn new(status: StatusCode, kind: Kind, title: &str, body: &str) -> Self {
        let (class, mark) = kind.look();
        let icon = format!(
            "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 48 48' fill='none' stroke='{}' \
             stroke-width='6' stroke-linecap='round' stroke-linejoin='round'><path d='{mark}'/></svg>",
            kind.ink()
        );
        let html = FRAME
            .replace("{style}", STYLE)
            .replace("{kind}", class)
            .replace("{mark}", mark)
            .replace("{icon}", &utf8_percent_encode(&icon, NON_ALPHANUMERIC).to_string())
            .replace("{title}", title)
            // Last, so that a text of others that has a name in braces stays as it is.
            .replace("{body}", body.trim_end());
        Self { status, html }
    }

    /// With everything that keeps the page to itself.
    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{}'; img-src data:; form-action 'none'; base-uri 'none'; \
             frame-ancestors 'none'",
            STANDARD.encode(Sha256::digest(STYLE))
        );
        let mut response = Response::new(Full::from(self.html));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Ok(policy) = HeaderValue::try_from(policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        response
    }
}

impl Kind {
    /// The class in the style sheet, and the path of the sign.
    fn look(self) -> (&'static str, &'static str) {
        match self {
            Self::Good => ("good", "M14 25l7 7 13-15"),
            Self::Bad => ("bad", "M16 16l16 16M32 16L16 32"),
            Self::Odd => ("odd", "M24 13v14M24 34v.5"),
        }
    }

    /// The colour of the icon in the browser's tab, which is dark or light as the system has it.
    fn ink(self) -> &'static str {
        match self {
            Self::Good => "#1f9d63",
            Self::Bad => "#d9493e",
            Self::Odd => "#c98a1b",
        }
    }
}

/// Puts texts of others into a page, as texts.
fn fill(template: &str, texts: &[(&str, &str)]) -> String {
    let mut pieces = template.split('{');
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once('}').unwrap_or((piece, ""));
        let text = texts.iter().find(|(known, _)| *known == name).map(|(_, text)| *text).unwrap_or_default();
        filled.push_str(&escape(text));
        filled.push_str(rest);
    }
    filled
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(session: &str, text: &str) -> Vec<Page> {
        let mut pages = vec![
            Page::signed_in(session, text),
            Page::refused(session),
            Page::failed(session, text),
            Page::answered(session),
        ];
        let strays = [Stray::Host, Stray::Path, Stray::Method, Stray::State, Stray::Shape];
        pages.extend(strays.iter().map(|stray| Page::stray(stray, session)));
        pages
    }

    #[test]
    fn every_page_is_whole_and_says_where_to_go() {
        for Page { html, .. } in all("work", "https://example.awsapps.com/start") {
            assert!(html.starts_with("<!doctype html>\n<html lang=\"en\">"), "{html}");
            assert_eq!((html.matches("<h1>").count(), html.matches("<title>").count()), (1, 1), "{html}");
            assert!(html.contains("work") && html.contains("terminal"), "{html}");
            assert!(!html.contains("<script") && !html.contains(" style="), "{html}");
            let body = html.split("</style>").nth(1).unwrap();
            assert!(!body.contains('{') && !body.contains('}'), "a name was left: {body}");
        }
    }

    #[test]
    fn texts_of_others_are_texts() {
        let text = "<script>alert('x')</script>&{style}{title}\"";
        for Page { html, .. } in all(text, text) {
            assert!(!html.contains("<script"), "{html}");
            assert!(
                html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;{style}{title}&quot;"),
                "{html}"
            );
        }
    }

    #[test]
    fn the_policy_allows_the_style_of_the_page_and_nothing_else() {
        let page = Page::refused("work");
        let style = page.html.split("<style>").nth(1).unwrap().split("</style>").next().unwrap();
        let digest = STANDARD.encode(Sha256::digest(style));
        let response = page.into_response();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with(&format!("default-src 'none'; style-src 'sha256-{digest}'; ")),
            "{policy}"
        );
        assert!(policy.ends_with("form-action 'none'; base-uri 'none'; frame-ancestors 'none'"), "{policy}");
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("x-content-type-options"), "nosniff");
    }
}
