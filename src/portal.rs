//! The portal service (`sso/2019-06-10/service-2.json`): so far, `Logout`.

use serde::Deserialize;

use crate::{
    http::{self, Answer, printable},
    session::token::Secret,
};

/// How the portal learns whose request it is.
const TOKEN_HEADER: &str = "x-amz-sso_bearer_token";

/// Why an operation gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There was no answer.
    #[error(transparent)]
    Transport(#[from] http::Error),
    /// The portal answered with an error of its own.
    #[error("{host} answered {exception} (HTTP {status}){}", .message.as_ref().map_or_else(String::new, |text| format!(": {text}")))]
    Service {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
        /// `UnauthorizedException`, `ForbiddenException`, `TooManyRequestsException`, …
        exception: String,
        /// The member `message`, fit for a line.
        message: Option<String>,
    },
    /// What answered was not the portal.
    #[error(
        "{host} answered with HTTP {status}, but not as AWS does: a proxy or a captive portal may be in the way"
    )]
    Malformed {
        /// The host.
        host: String,
        /// The HTTP status.
        status: u16,
    },
}

/// How a logout ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logout {
    /// The session was ended.
    Ended,
    /// The portal does not know the token (any more).
    AlreadyOver,
}

/// Ends the session of `access_token` at the server. Role credentials that were handed out live on.
///
/// `base_url` is the portal of the session's region, or the user's own.
pub async fn logout(http: &http::Client, base_url: &str, access_token: &Secret) -> Result<Logout, Error> {
    let url = format!("{}/logout", base_url.trim_end_matches('/'));
    let answer = http.post_empty(&url, &[(TOKEN_HEADER, access_token)]).await?;
    tracing::debug!("Logout: {} answered {}", answer.host, answer.status);
    if (200..300).contains(&answer.status) && is_empty_success(&answer) {
        return Ok(Logout::Ended);
    }
    match failure(&answer) {
        Error::Service { exception, status: 401, .. } if exception == "UnauthorizedException" => {
            Ok(Logout::AlreadyOver)
        }
        error => Err(error),
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    #[serde(alias = "Message")]
    message: Option<String>,
    #[serde(rename = "__type")]
    exception: Option<String>,
}

/// An error of the portal is a JSON object and names its exception in it or in `x-amzn-ErrorType`.
fn failure(answer: &Answer) -> Error {
    let Answer { host, status, error_type, body, .. } = answer;
    let malformed = || Error::Malformed { host: host.clone(), status: *status };
    if (200..300).contains(status) {
        return malformed();
    }
    let Some(ErrorBody { message, exception }) = body.json_object() else { return malformed() };
    let named = exception.as_deref().map(|name| name.rsplit('#').next().unwrap_or(name));
    let Some(exception) = error_type.as_deref().or(named) else { return malformed() };
    Error::Service {
        host: host.clone(),
        status: *status,
        exception: printable(exception, 60),
        message: message.map(|text| printable(&text, 200)).filter(|text| !text.is_empty()),
    }
}

fn is_empty_success(answer: &Answer) -> bool {
    matches!(answer.body.bytes().trim_ascii(), b"" | b"{}" | b"null")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::scripted::{Play, Server, answer};

    async fn logged_out(play: Play) -> Result<Logout, Error> {
        let server = Server::start(vec![play]).await;
        let http = http::Client::new(&http::Options::default()).unwrap();
        let result = logout(&http, &format!("{}/", server.url()), &Secret::new("planted-token")).await;
        let request = server.requests().remove(0);
        assert!(
            request.starts_with("POST /logout HTTP/1.1\r\nx-amz-sso_bearer_token: planted-token\r\n"),
            "{request}"
        );
        assert!(request.ends_with("\r\n\r\n"), "{request}");
        result
    }

    #[tokio::test]
    async fn tells_an_ended_session_from_a_middlebox() {
        let over = r#"{"message":"Session token not found or invalid","__type":"com.amazonaws.switchboard.portal#UnauthorizedException"}"#;
        for (head, body, expected) in [
            ("200 OK", "", "Ok(Ended)"),
            ("200 OK", "{}", "Ok(Ended)"),
            ("200 OK\r\nContent-Type: text/html", "<html>sign in</html>", "Err(Malformed"),
            ("401 X", over, "Ok(AlreadyOver)"),
            ("401 X\r\nx-amzn-ErrorType: UnauthorizedException", r#"{"message":"x"}"#, "Ok(AlreadyOver)"),
            ("401 X\r\nx-amzn-ErrorType: UnauthorizedException", "<html>", "Err(Malformed"),
            ("401 X", "<html>", "Err(Malformed"),
            ("401 X", "{}", "Err(Malformed"),
            ("403 X", over, "Err(Service"),
            (
                "429 X",
                r#"{"message":"HTTP 429 Unknown Code","__type":"a.b#TooManyRequestsException"}"#,
                "Err(Service",
            ),
            ("302 X\r\nLocation: http://127.0.0.1:1/", "", "Err(Malformed"),
            ("500 X", "", "Err(Malformed"),
        ] {
            let result = logged_out(answer(head, body)).await;
            assert!(format!("{result:?}").starts_with(expected), "{head} {body}: {result:?}");
            if let Err(error) = result {
                assert!(!format!("{error} {error:?}").contains("planted"));
            }
        }
    }

    #[tokio::test]
    async fn says_the_exception_and_its_message() {
        let body =
            r#"{"message":"No\naccess","__type":"com.amazonaws.switchboard.portal#ForbiddenException"}"#;
        let error = logged_out(answer("403 X", body)).await.unwrap_err();
        assert!(error.to_string().ends_with(" answered ForbiddenException (HTTP 403): No access"), "{error}");
    }
}
