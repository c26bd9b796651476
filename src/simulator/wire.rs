//! [`Ask`] and [`Reply`]: a request and an answer with everything that is HTTP about them.

use std::convert::Infallible;

use futures_util::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Bytes, Frame},
    header::{HeaderName, HeaderValue},
};
use reqwest::Url;
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::format_description};

use super::{
    exception::{Exception, Refusal},
    operation::Service,
};
use crate::time::Timestamp;

/// A body of ours, of any kind.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A request that has been read.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) method: String,
    pub(super) path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Ask {
    pub(super) fn new(parts: &hyper::http::request::Parts, body: Bytes) -> Self {
        Self {
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
            query: pairs(parts.uri.query().unwrap_or_default()),
            headers: parts.headers.clone(),
            body,
        }
    }

    /// The value of a query parameter.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        find(&self.query, name)
    }

    /// The value of a header; `None` where it isn't text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The fields of a form that was posted.
    pub(super) fn form(&self) -> Form {
        Form(pairs(&String::from_utf8_lossy(&self.body)))
    }
}

/// A form as a browser or a query-protocol client posts it.
#[derive(Debug)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        find(&self.0, name)
    }
}

fn find<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// `application/x-www-form-urlencoded` pairs, as the URL library decodes them.
fn pairs(encoded: &str) -> Vec<(String, String)> {
    let Ok(mut url) = Url::parse("http://127.0.0.1/") else { return Vec::new() };
    url.set_query(Some(encoded));
    url.query_pairs().into_owned().collect()
}

/// An answer, and what the journal is to know of it.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// Whether blanks without end follow the body.
    endless: bool,
    /// For the journal: the error's name.
    pub(super) error: Option<&'static str>,
    /// For the journal: whose session it was.
    pub(super) start_url: Option<String>,
}

impl Reply {
    /// An answer with a text of the given type.
    pub(super) fn text(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            endless: false,
            error: None,
            start_url: None,
        }
    }

    /// 200 and JSON, as the services send it.
    pub(super) fn json(body: &Value) -> Self {
        Self::json_of(200, body)
    }

    fn json_of(status: u16, body: &Value) -> Self {
        Self::text(status, "application/json", body.to_string()).with("cache-control", "no-store")
    }

    /// 200 and nothing.
    pub(super) fn nothing() -> Self {
        Self { headers: Vec::new(), ..Self::text(200, "", "") }
    }

    /// A redirect that a browser follows with GET.
    pub(super) fn redirect(location: &str) -> Self {
        let to = Self { headers: Vec::new(), ..Self::text(303, "", "") };
        to.with("location", location).with("cache-control", "no-store")
    }

    /// An error, in the form of the service that was asked.
    pub(super) fn refusal(service: Service, refusal: Refusal) -> Self {
        let Refusal { exception, why, start_url } = refusal;
        let (name, status) = (exception.name(), exception.status());
        let reply = match (service, exception.code()) {
            (Service::Sts, _) => sts_error(status, name.trim_end_matches("Exception"), why),
            (Service::Portal, Some(_)) if exception == Exception::InvalidRequest => {
                portal_error(exception, why)
            }
            (_, Some(code)) => Self::json_of(status, &json!({ "error": code, "error_description": why }))
                .with("x-amzn-errortype", &format!("{name}:{CORAL}sso.oidc/")),
            (_, None) => portal_error(exception, why),
        };
        Self { error: Some(name), start_url, ..reply }
    }

    /// The same with one more header.
    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same, about the session of `start_url`.
    pub(super) fn of(self, start_url: &str) -> Self {
        Self { start_url: Some(start_url.to_owned()), ..self }
    }

    /// The same, which is an error of that name.
    pub(super) fn failed(self, name: &'static str) -> Self {
        Self { error: Some(name), ..self }
    }

    /// The same, and blanks without end.
    pub(super) fn without_end(self) -> Self {
        Self { endless: true, ..self }
    }

    /// Lets `change` alter the members of a JSON body; nothing happens to another body.
    pub(super) fn alter(&mut self, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
        if let Ok(Value::Object(mut members)) = serde_json::from_slice(&self.body) {
            change(&mut members);
            self.body = Value::Object(members).to_string().into_bytes();
        }
    }

    /// As hyper sends it. The date is the simulator's, like every other time that it tells.
    pub(super) fn into_response(self, request_id: &str, now: Timestamp) -> Response<Body> {
        let body = if self.endless { endless(self.body) } else { Full::from(self.body).boxed_unsync() };
        let mut response = Response::new(body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let own = [("date", http_date(now)), ("x-amzn-requestid", request_id.to_owned())];
        for (name, value) in own.into_iter().chain(self.headers) {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// Where the type in `x-amzn-ErrorType` goes on after the colon; SDKs cut it off.
const CORAL: &str = "http://internal.amazon.com/coral/com.amazonaws.";

fn portal_error(exception: Exception, why: &str) -> Reply {
    let name = exception.name();
    let body = json!({ "message": why, "__type": format!("com.amazonaws.switchboard.portal#{name}") });
    Reply::json_of(exception.status(), &body)
        .with("x-amzn-errortype", &format!("{name}:{CORAL}switchboard.portal/"))
}

/// An error as the query protocol of STS has it.
pub(super) fn sts_error(status: u16, code: &str, why: &str) -> Reply {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{why}</Message></Error></ErrorResponse>"
    );
    Reply::text(status, "text/xml", body)
}

fn endless(start: Vec<u8>) -> Body {
    let blanks = Bytes::from(vec![b' '; 16 * 1024]);
    let rest = stream::unfold(Bytes::from(start), move |chunk| {
        let next = blanks.clone();
        async move { Some((Ok(Frame::data(chunk)), next)) }
    });
    StreamBody::new(rest).boxed_unsync()
}

/// The date format of HTTP (RFC 9110 §5.6.7).
fn http_date(at: Timestamp) -> String {
    let format = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let moment = OffsetDateTime::from_unix_timestamp(at.secs()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    moment.format(&format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_queries_and_forms() {
        let found = pairs("role_name=A+B%2FC&account_id=012345678901&empty=&x");
        for (name, value) in [
            ("role_name", Some("A B/C")),
            ("account_id", Some("012345678901")),
            ("empty", Some("")),
            ("x", Some("")),
            ("y", None),
        ] {
            assert_eq!(find(&found, name), value, "{name}");
        }
    }

    #[test]
    fn writes_each_service_s_own_errors() {
        for (service, exception, status, body, kind) in [
            (
                Service::Oidc,
                Exception::InvalidClient,
                401,
                r#"{"error":"invalid_client","error_description":"why"}"#,
                "InvalidClientException:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/",
            ),
            (
                Service::Oidc,
                Exception::InvalidRequest,
                400,
                r#"{"error":"invalid_request","error_description":"why"}"#,
                "InvalidRequestException:http://internal.amazon.com/coral/com.amazonaws.sso.oidc/",
            ),
            (
                Service::Portal,
                Exception::InvalidRequest,
                400,
                r#"{"message":"why","__type":"com.amazonaws.switchboard.portal#InvalidRequestException"}"#,
                "InvalidRequestException:http://internal.amazon.com/coral/com.amazonaws.switchboard.portal/",
            ),
            (
                Service::Portal,
                Exception::TooManyRequests,
                429,
                r#"{"message":"why","__type":"com.amazonaws.switchboard.portal#TooManyRequestsException"}"#,
                "TooManyRequestsException:http://internal.amazon.com/coral/com.amazonaws.switchboard.portal/",
            ),
        ] {
            let reply = Reply::refusal(service, Refusal::new(exception, "why"));
            assert_eq!(String::from_utf8_lossy(&reply.body), body);
            let response = reply.into_response("id", Timestamp::from_secs(1_798_761_600));
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()["x-amzn-errortype"], kind);
            assert_eq!(response.headers()["x-amzn-requestid"], "id");
            assert_eq!(response.headers()["date"], "Fri, 01 Jan 2027 00:00:00 GMT");
        }
    }
}
