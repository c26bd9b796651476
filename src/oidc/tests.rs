//! The service as the AWS CLI sees it, and as nobody should.

use super::{error::Flaw, *};
use crate::http::scripted::{Play, Server, json};

/// Half a second past 2027-01-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_millis(1_798_761_600_500);

fn registration() -> Registration {
    Registration { client_id: "cid".into(), client_secret: Secret::new("planted-secret"), expires_at: None }
}

async fn client(plays: Vec<Play>) -> (Server, Client) {
    let server = Server::start(plays).await;
    let http = http::Client::new(&http::Options::default()).unwrap();
    let client = Client::new(http, &format!("{}/", server.url()), Clock::from_fn(|| NOW));
    (server, client)
}

/// The request line and the body of the only request.
fn only_request(server: &Server) -> (String, String) {
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(!requests[0].to_ascii_lowercase().contains("\r\nauthorization:"), "unsigned");
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

async fn refreshed(play: Play) -> Result<Token, Error> {
    let (_server, client) = client(vec![play]).await;
    client
        .create_token(&registration(), Grant::RefreshToken { refresh_token: &Secret::new("planted-r") })
        .await
}

#[tokio::test]
async fn sends_each_grant_as_the_aws_cli_does() {
    let (code, code_verifier) = (&Secret::new("c"), &Secret::new("v"));
    let redirect_uri = "http://127.0.0.1:4321/oauth/callback";
    for (grant, expected) in [
        (
            Grant::AuthorizationCode { code, code_verifier, redirect_uri },
            r#""grantType":"authorization_code","code":"c","codeVerifier":"v","redirectUri":"http://127.0.0.1:4321/oauth/callback"}"#,
        ),
        (
            Grant::RefreshToken { refresh_token: &Secret::new("r") },
            r#""grantType":"refresh_token","refreshToken":"r"}"#,
        ),
        (
            Grant::DeviceCode { device_code: &Secret::new("d") },
            r#""grantType":"urn:ietf:params:oauth:grant-type:device_code","deviceCode":"d"}"#,
        ),
    ] {
        let (server, client) = client(vec![json(200, r#"{"accessToken":"a","expiresIn":1}"#)]).await;
        client.create_token(&registration(), grant).await.unwrap();
        let (line, body) = only_request(&server);
        assert_eq!(line, "POST /token HTTP/1.1");
        assert_eq!(body, format!(r#"{{"clientId":"cid","clientSecret":"planted-secret",{expected}"#));
    }
}

#[tokio::test]
async fn dates_a_token_from_before_the_request_and_in_whole_seconds() {
    let body = r#"{"accessToken":"a","tokenType":"Bearer","expiresIn":3600,"refreshToken":"r2","idToken":null,"new":{}}"#;
    let issued = refreshed(json(200, body)).await.unwrap();
    assert_eq!(issued.expires_at, Timestamp::from_secs(1_798_765_200));
    assert_eq!(issued.issued_at, Some(NOW));
    assert_eq!(issued.refresh_token, Some(Secret::new("r2")));
    assert_eq!(issued.registration, Some(registration()));
}

#[tokio::test]
async fn takes_only_what_can_be_a_token() {
    let with = |expires_in: &str| format!(r#"{{"accessToken":"a","expiresIn":{expires_in}}}"#);
    for (body, expected) in [
        (with("1"), Ok(1)),
        (with("\"3600\""), Ok(3600)),
        (with("7776000"), Ok(7_776_000)),
        (with("3600.5"), Ok(3600)),
        (with("36e2"), Ok(3600)),
        (with("7776001"), Ok(3600)),
        (with("1000000000000"), Ok(3600)),
        (with("18446744073709551616"), Ok(3600)),
        (with("0"), Ok(3600)),
        (with("0.5"), Ok(3600)),
        (with("-1"), Ok(3600)),
        (with("1e40"), Ok(3600)),
        (with("1e400"), Ok(3600)),
        (with("\"soon\""), Ok(3600)),
        (with("\"-5\""), Ok(3600)),
        (with("\"NaN\""), Ok(3600)),
        (with("\"inf\""), Ok(3600)),
        (with("\"\""), Ok(3600)),
        (with("null"), Ok(3600)),
        (with("true"), Ok(3600)),
        (with("[7]"), Ok(3600)),
        (with("{\"secs\":7}"), Ok(3600)),
        (r#"{"accessToken":"a"}"#.into(), Ok(3600)),
        (with("1,\"expiresIn\":2"), Err(Flaw::Shape)),
        (with("soon"), Err(Flaw::NotJson)),
        (r#"{"accessToken":"a","expiresIn":9,"refreshToken":7}"#.into(), Err(Flaw::Shape)),
        (r#"{"expiresIn":9,"refreshToken":"r"}"#.into(), Err(Flaw::Shape)),
        (r#"{"accessToken":"","expiresIn":9}"#.into(), Err(Flaw::Shape)),
        (r#"{"accessToken":"a\nb","expiresIn":9}"#.into(), Err(Flaw::Shape)),
        (r#"{"accessToken":"ä","expiresIn":9}"#.into(), Err(Flaw::Shape)),
        (r#"{"access_token":"a","expires_in":9}"#.into(), Err(Flaw::Shape)),
        (r#"{"error":"invalid_grant"}"#.into(), Err(Flaw::Shape)),
        (r#"{"accessToken":"a","expiresIn":9"#.into(), Err(Flaw::NotJson)),
        (r#"["a",9,"r"]"#.into(), Err(Flaw::NotJson)),
        ("<html>invalid_grant</html>".into(), Err(Flaw::Html)),
        (String::new(), Err(Flaw::NotJson)),
    ] {
        let result = refreshed(json(200, &body)).await;
        let life = match result {
            Ok(token) => Ok((token.expires_at.secs() - NOW.secs()).unsigned_abs()),
            Err(Error::Malformed { status: 200, flaw, .. }) => Err(flaw),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(life, expected, "{body}");
    }
}

#[tokio::test]
async fn tells_that_no_refresh_token_came_back() {
    for body in [
        r#"{"accessToken":"a","expiresIn":9}"#,
        r#"{"accessToken":"a","expiresIn":9,"refreshToken":null}"#,
        r#"{"accessToken":"a","expiresIn":9,"refreshToken":""}"#,
    ] {
        assert_eq!(refreshed(json(200, body)).await.unwrap().refresh_token, None, "{body}");
    }
}

#[tokio::test]
async fn says_that_a_token_which_did_not_come_may_be_used_up() {
    let error = refreshed(json(200, r#"{"expiresIn":9,"refreshToken":"r"}"#)).await.unwrap_err().to_string();
    assert!(error.contains("may be used up") && error.contains("a sign-in"), "{error}");
    let error = refreshed(json(200, "<html>")).await.unwrap_err().to_string();
    assert!(!error.contains("used up"), "{error}");
}

#[tokio::test]
async fn shows_no_secret_in_any_error() {
    for play in [
        json(200, r#"{"accessToken":"planted\n","expiresIn":"planted"}"#),
        json(200, "planted"),
        json(400, r#"{"accessToken":"planted-a"}"#),
        json(400, r#"{"error":"invalid_grant","secret":"planted"}"#),
        Play::Send(b"HTTP/1.1 200 OK\r\nX-Planted: planted\r\nContent-Length: 99\r\n\r\nplanted".to_vec()),
    ] {
        let error = refreshed(play).await.unwrap_err();
        let shown = format!("{error} {error:?} {error:#?}");
        assert!(!shown.contains("planted"), "{shown}");
    }
}

#[tokio::test]
async fn registers_as_the_aws_cli_does() {
    let scopes = ["sso:account:access".to_owned()];
    let request = RegisterRequest {
        client_name: "sso-refresh-work",
        client_type: ClientType::Public,
        scopes: &scopes,
        grant_types: &["authorization_code", "refresh_token"],
        redirect_uris: &["http://127.0.0.1/oauth/callback"],
        issuer_url: Some("https://d-1.awsapps.com/start"),
    };
    let body =
        r#"{"clientId":"c","clientSecret":"s","clientIdIssuedAt":1,"clientSecretExpiresAt":1806537600}"#;
    let (server, client) = client(vec![json(200, body)]).await;
    let registered = client.register(&request).await.unwrap();
    assert_eq!(registered.client_id, "c");
    assert_eq!(registered.expires_at, Some(Timestamp::from_secs(1_806_537_600)));
    let (line, body) = only_request(&server);
    assert_eq!(line, "POST /client/register HTTP/1.1");
    let sent: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = serde_json::json!({
        "clientName": "sso-refresh-work",
        "clientType": "public",
        "scopes": ["sso:account:access"],
        "grantTypes": ["authorization_code", "refresh_token"],
        "redirectUris": ["http://127.0.0.1/oauth/callback"],
        "issuerUrl": "https://d-1.awsapps.com/start",
    });
    assert_eq!(sent, expected);
}

#[tokio::test]
async fn leaves_out_what_the_device_flow_does_not_send() {
    let request = RegisterRequest {
        client_name: "n",
        client_type: ClientType::Public,
        scopes: &[],
        grant_types: &[],
        redirect_uris: &[],
        issuer_url: None,
    };
    let (server, client) =
        client(vec![json(200, r#"{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":0}"#)]).await;
    let registered = client.register(&request).await.unwrap();
    assert_eq!(registered.expires_at, None);
    assert_eq!(only_request(&server).1, r#"{"clientName":"n","clientType":"public"}"#);
}

#[tokio::test]
async fn starts_a_device_authorization() {
    let with = |uri: &str, rest: &str| {
        format!(r#"{{"deviceCode":"d","userCode":"AB-CD","verificationUri":"{uri}","expiresIn":600{rest}}}"#)
    };
    let page = "https://device.sso.us-east-1.amazonaws.com/";
    for (body, interval) in [
        (with(page, r#","interval":1,"verificationUriComplete":"https://d/?user_code=AB-CD""#), Some(1)),
        (with(page, ""), Some(5)),
        (with(page, r#","interval":0"#), Some(1)),
        (with(page, r#","interval":86400"#), Some(60)),
        (with("file:///etc/passwd", ""), None),
        (with("javascript:alert(1)", ""), None),
        (with(page, r#","verificationUriComplete":"-x""#), None),
        (with(page, r#","interval":-5"#), None),
        (with(page, "").replace("600", "0"), None),
        (with(page, "").replace("600", "\"soon\""), None),
    ] {
        let (server, client) = client(vec![json(200, &body)]).await;
        let started =
            client.start_device_authorization(&registration(), "https://d-1.awsapps.com/start").await;
        assert_eq!(started.as_ref().ok().map(|started| started.interval.as_secs()), interval, "{started:?}");
        if let Ok(started) = started {
            assert_eq!(started.expires_at, NOW.after(Duration::from_secs(600)));
        }
        let (line, body) = only_request(&server);
        assert_eq!(line, "POST /device_authorization HTTP/1.1");
        let expected = r#"{"clientId":"cid","clientSecret":"planted-secret","startUrl":"https://d-1.awsapps.com/start"}"#;
        assert_eq!(body, expected);
    }
}

#[test]
fn every_operation_can_run_as_a_task() {
    fn is_send<T: Send>(_: &T) {}
    let http = http::Client::new(&http::Options::default()).unwrap();
    let client = Client::new(http, "http://127.0.0.1:1", Clock::from_fn(|| NOW));
    let (registration, device_code) = (registration(), Secret::new("d"));
    is_send(&client.create_token(&registration, Grant::DeviceCode { device_code: &device_code }));
    is_send(&client.start_device_authorization(&registration, ""));
}
