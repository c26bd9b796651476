use std::cell::RefCell;

use super::*;
use crate::http::scripted::{Play, Server, answer, json};

const ACCOUNTS: &str =
    r#"{"accountList":[{"accountId":"012345678901","accountName":"Sand box","emailAddress":"a@b"}]"#;
const THROTTLED: &str = r#"{"message":"HTTP 429 Unknown Code","__type":"com.amazonaws.switchboard.portal#TooManyRequestsException"}"#;
const NO_ACCESS: &str =
    r#"{"message":"No\naccess","__type":"com.amazonaws.switchboard.portal#ForbiddenException"}"#;

fn client(server: &Server) -> Client {
    Client::new(http::Client::new(&http::Options::default()).unwrap(), &format!("{}/", server.url()))
}

fn token() -> Secret {
    Secret::new("planted-token")
}

fn role() -> Role {
    Role { session: "work".into(), account: "012345678901".into(), name: "Read+Only & more".into() }
}

/// What came of asking for role credentials, and the requests.
async fn asked(plays: Vec<Play>) -> (Result<RoleCredentials, Error>, Vec<String>) {
    let server = Server::start(plays).await;
    let result = client(&server).role_credentials(&token(), &role()).await;
    (result, server.requests())
}

#[tokio::test]
async fn credentials_are_asked_for_as_the_model_says() {
    let body = r#"{"roleCredentials":{"accessKeyId":"ASIA1","secretAccessKey":"planted/key","sessionToken":"planted==","expiration":1798761600999}}"#;
    let (result, requests) = asked(vec![json(200, body)]).await;
    let given = result.unwrap();
    assert_eq!(
        (given.account.as_str(), given.access_key_id.as_str(), given.expires_at.to_string().as_str()),
        ("012345678901", "ASIA1", "2027-01-01T00:00:00Z")
    );
    assert_eq!(
        (given.secret_access_key.expose(), given.session_token.expose()),
        ("planted/key", "planted==")
    );
    let expected = "GET /federation/credentials?role_name=Read%2BOnly%20%26%20more&account_id=012345678901 \
                    HTTP/1.1\r\nx-amz-sso_bearer_token: planted-token\r\n";
    assert!(requests[0].starts_with(expected), "{}", requests[0]);
}

#[tokio::test]
async fn what_is_not_whole_is_not_the_portals() {
    let with = |key: &str, expiration: &str| {
        format!(
            r#"{{"roleCredentials":{{"accessKeyId":"{key}","secretAccessKey":"planted","sessionToken":"planted","expiration":{expiration}}}}}"#
        )
    };
    for body in [
        "{}".to_owned(),
        "[]".to_owned(),
        "<html>".to_owned(),
        r#"{"roleCredentials":{"accessKeyId":"ASIA1"}}"#.to_owned(),
        with("", "1"),
        with("AS\\nIA", "1"),
        with("AS IA", "1"),
        with("ASIA1", "\"soon\""),
    ] {
        let error = asked(vec![json(200, &body)]).await.0.unwrap_err();
        assert!(matches!(error, Error::Malformed { status: 200, .. }), "{body}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("planted"));
    }
}

#[tokio::test]
async fn who_is_throttled_comes_back() {
    let throttled = || answer("429 X\r\nx-amz-retry-after: 1", THROTTLED);
    let (result, requests) = asked(vec![throttled(), throttled(), json(403, NO_ACCESS)]).await;
    assert_eq!((result.unwrap_err().verdict(), requests.len()), (Verdict::NoAccess, 3));
    let (result, requests) = asked((0..10).map(|_| throttled()).collect()).await;
    assert!(result.unwrap_err().is_throttled());
    assert_eq!(requests.len(), 6, "and gives up in the end");
    let (result, requests) = asked(vec![json(500, NO_ACCESS), json(403, NO_ACCESS)]).await;
    assert!(matches!(result, Err(Error::Service { status: 500, .. })));
    assert_eq!(requests.len(), 1, "nothing else is tried again");
}

#[test]
fn pauses_grow_and_end() {
    let millis = |tries, asked, random| pause(tries, asked, random).as_millis();
    assert_eq!(
        (0..6).map(|tries| millis(tries, None, 1.0)).collect::<Vec<_>>(),
        [500, 1000, 2000, 4000, 8000, 8000]
    );
    assert_eq!((millis(0, None, 0.0), millis(3, None, 0.5)), (250, 3000));
    assert_eq!(millis(0, Some(Duration::from_secs(3)), 0.0), 3000);
    assert_eq!(millis(0, Some(Duration::from_secs(600)), 0.0), 8000);
}

#[tokio::test]
async fn lists_have_all_pages() {
    let page = |next: &str| json(200, &format!("{ACCOUNTS}{next}}}"));
    let server = Server::start(vec![page(r#","nextToken":"a/b=""#), page(r#","nextToken":"""#)]).await;
    let told = RefCell::new(Vec::new());
    let accounts = client(&server).accounts(&token(), |number| told.borrow_mut().push(number)).await.unwrap();
    assert_eq!((accounts.len(), accounts[1].name.as_str(), told.into_inner()), (2, "Sand box", vec![1]));
    let lines: Vec<String> =
        server.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        lines,
        [
            "GET /assignment/accounts?max_result=100 HTTP/1.1",
            "GET /assignment/accounts?max_result=100&next_token=a%2Fb%3D HTTP/1.1"
        ]
    );

    let roles = r#"{"roleList":[{"roleName":"B","accountId":"1"},{"roleName":"A"}],"nextToken":null}"#;
    let server = Server::start(vec![json(200, roles)]).await;
    assert_eq!(client(&server).roles(&token(), "1", |_| {}).await.unwrap(), ["B", "A"]);
    assert!(server.requests()[0].starts_with("GET /assignment/roles?account_id=1&max_result=100 HTTP/1.1"));
}

#[tokio::test]
async fn a_part_is_not_taken_for_the_whole() {
    for body in ["{}", r#"{"accountList":null}"#, r#"{"roleList":[]}"#] {
        let server = Server::start(vec![json(200, body)]).await;
        let error = client(&server).accounts(&token(), |_| {}).await.unwrap_err();
        assert!(matches!(error, Error::Malformed { status: 200, .. }), "{body}: {error:?}");
    }
    let role = r#"{"roleList":[{"roleName":"R"}]}"#;
    let listing = format!("{ACCOUNTS}}}");
    let server = Server::start(vec![json(200, &listing), json(200, role)]).await;
    let told = RefCell::new(Vec::new());
    let progress = |known, all| told.borrow_mut().push((known, all));
    let assignments = client(&server).assignments(&token(), progress).await.unwrap();
    assert_eq!(
        (assignments[0].0.id.as_str(), &assignments[0].1[..]),
        ("012345678901", &["R".to_owned()][..])
    );
    assert_eq!(told.into_inner(), [(1, 1)]);
    let server = Server::start(vec![json(200, &listing), json(403, NO_ACCESS)]).await;
    assert!(client(&server).assignments(&token(), |_, _| {}).await.is_err());
}

async fn logged_out(play: Play) -> Result<Logout, Error> {
    let server = Server::start(vec![play]).await;
    let result = client(&server).logout(&token()).await;
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
        ("429 X", THROTTLED, "Err(Service"),
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
    let error = logged_out(answer("403 X", NO_ACCESS)).await.unwrap_err();
    assert!(error.to_string().ends_with(" answered ForbiddenException (HTTP 403): No access"), "{error}");
}
