//! What goes wrong on demand, what the journal tells of it, and the admin path.

use super::*;

async fn faulty(faults: &str) -> Fixture {
    let faults = Fault::parse_lines(faults).unwrap();
    Fixture::with(|options| options.faults = faults).await
}

#[tokio::test]
async fn every_fault_answers_as_it_says() {
    let html = "text/html; charset=utf-8";
    for (fault, status, content_type, retry_after, text) in [
        ("InvalidGrantException", 400, "application/json", "", r#""error":"invalid_grant""#),
        ("InvalidClient", 401, "application/json", "", r#""error":"invalid_client""#),
        ("InternalServer", 500, "application/json", "", r#""error":"server_error""#),
        ("TooManyRequests:retry-after=7", 429, "application/json", "7", "#TooManyRequestsException"),
        ("status=429:retry-after=30", 429, "text/plain", "30", "Too Many Requests"),
        (
            r#"status=503:retry-after="Fri, 01 Jan 2027 00:00:30 GMT""#,
            503,
            "text/plain",
            "Fri, 01 Jan 2027 00:00:30 GMT",
            "Service Unavailable",
        ),
        ("html=200", 200, html, "", "invalid_grant"),
        ("html=400", 400, html, "", "Sign in to the network"),
        ("html=407", 407, html, "", "Sign in to the network"),
        (r#"status=403:type=text/html:body="<b>a: b</b>""#, 403, "text/html", "", "<b>a: b</b>"),
        ("empty", 200, "application/json", "", "{}"),
        ("delay=1ms", 200, "application/json", "", "accessToken"),
        ("expires-in=\"soon\"", 200, "application/json", "", r#""expiresIn":"soon""#),
        ("expires-in=1e12", 200, "application/json", "", r#""expiresIn":1e+12"#),
        ("no-refresh-token", 200, "application/json", "", "accessToken"),
        ("truncated", 200, "application/json", "", "accessToken"),
        ("oversize", 200, "application/json", "", "refreshToken"),
    ] {
        let fixture = faulty(&format!("CreateToken:{fault}")).await;
        let token = fixture.sign_in();
        let request = fixture.request(Method::POST, "/token").json(&Fixture::refresh_body(&token));
        let response = request.send().await.unwrap();
        let header =
            |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let found = (response.status().as_u16(), header("content-type"), header("retry-after"));
        assert_eq!(found, (status, content_type.into(), retry_after.into()), "{fault}");
        let body = response.text().await.unwrap();
        assert!(body.contains(text), "{fault}: {} bytes", body.len());
        let whole = serde_json::from_str::<Value>(&body).is_ok();
        assert_eq!(whole, content_type == "application/json" && fault != "truncated", "{fault}");
        assert_eq!(body.len() > 8 * 1024 * 1024, fault == "oversize");
        let misses = fault == "no-refresh-token" || status != 200 || ["html=200", "empty"].contains(&fault);
        assert_eq!(!body.contains("refreshToken"), misses || fault == "truncated", "{fault}");
    }
}

#[tokio::test]
async fn a_closed_connection_may_have_done_its_work() {
    for (fault, done) in [("drop", false), ("lost", true), ("no-refresh-token", false)] {
        let fixture = Fixture::with(|options| {
            options.single_use = true;
            options.faults = vec![format!("CreateToken:{fault}:times=1").parse().unwrap()];
        })
        .await;
        let token = fixture.sign_in();
        let request = fixture.request(Method::POST, "/token").json(&Fixture::refresh_body(&token));
        assert_eq!(request.send().await.is_err(), fault != "no-refresh-token", "{fault}");
        let expected = if done { "InvalidGrantException" } else { "" };
        assert_eq!(fixture.refresh(&token).await.kind, expected, "after {fault}");
    }
}

#[tokio::test]
async fn an_endless_body_has_no_end() {
    let fixture = faulty("ListAccounts:endless").await;
    let mut response = fixture.request(Method::GET, "/assignment/accounts").send().await.unwrap();
    let mut read = 0;
    while read < 1024 * 1024 {
        read += response.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn faults_can_be_set_anew() {
    let fixture = faulty("*:status=503").await;
    let token = fixture.sign_in();
    assert_eq!(fixture.refresh(&token).await.status, 503);
    fixture.simulator.set_faults(Vec::new());
    assert_eq!(fixture.refresh(&token).await.status, 200);
}

#[tokio::test]
async fn the_journal_tells_each_call_and_no_secret() {
    let fixture = faulty("Logout:drop\nListAccounts:InvalidGrant:times=1").await;
    let token = fixture.sign_in();
    fixture.refresh(&token).await;
    fixture.simulator.end_session(START_URL);
    fixture.refresh(&token).await;
    fixture.portal("x", "/assignment/accounts").await;
    assert!(fixture.request(Method::POST, "/logout").send().await.is_err());
    let at = Timestamp::from_secs(1_798_761_600);
    let call = |operation, status, error| Call {
        operation,
        at,
        status,
        error,
        grant_type: (operation == Operation::CreateToken).then_some("refresh_token"),
        start_url: (operation == Operation::CreateToken).then(|| START_URL.into()),
    };
    let expected = [
        call(Operation::CreateToken, Some(200), None),
        call(Operation::CreateToken, Some(400), Some("InvalidGrantException")),
        call(Operation::ListAccounts, Some(400), Some("InvalidGrantException")),
        call(Operation::Logout, None, None),
    ];
    assert_eq!(fixture.simulator.calls(), expected);
    let told = serde_json::to_string(&fixture.simulator.calls()).unwrap();
    assert!(
        told.starts_with(r#"[{"operation":"CreateToken","at":"2027-01-01T00:00:00Z","status":200"#),
        "{told}"
    );
    for secret in [token.access_token.expose(), token.refresh_token.as_ref().unwrap().expose()] {
        assert!(!told.contains(secret));
    }
}

#[tokio::test]
async fn a_test_in_another_process_has_it_in_hand() {
    let fixture = Fixture::with(|options| options.admin = true).await;
    let post = async |path: &str, body: &str| {
        let response = fixture.request(Method::POST, path).body(body.to_owned()).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    for (path, body, status) in [
        ("/admin/faults", "CreateToken:explode", 400),
        ("/admin/faults", "CreateToken:status=503:times=1\n*:delay=1ms", 200),
        ("/admin/approve?user_code=XXXX-XXXX", "", 404),
        ("/admin/deny", "", 400),
        ("/admin/sign-in", "", 400),
        ("/admin/nothing", "", 404),
    ] {
        assert_eq!(post(path, body).await.0, status, "{path}");
    }
    let (_, file) =
        post("/admin/sign-in?start_url=https%3A%2F%2Fa.awsapps.com%2Fstart&region=eu-west-1", "").await;
    let file: Value = serde_json::from_str(&file).unwrap();
    assert_eq!((&file["region"], &file["expiresAt"]), (&json!("eu-west-1"), &json!("2027-01-01T01:00:00Z")));
    let refresh = json!({
        "grantType": "refresh_token",
        "clientId": file["clientId"],
        "clientSecret": file["clientSecret"],
        "refreshToken": file["refreshToken"],
    });
    for status in [503, 200] {
        assert_eq!(fixture.post("/token", &refresh).await.status, status);
    }
    assert_eq!(post("/admin/end-session?start_url=https%3A%2F%2Fa.awsapps.com%2Fstart", "").await.0, 200);
    assert_eq!(fixture.post("/token", &refresh).await.status, 400);
    assert_eq!(fixture.get("/admin/calls").await.json().as_array().unwrap().len(), 3);
    let request = fixture.request(Method::POST, "/admin/faults").header("origin", "https://example.com");
    assert_eq!(request.send().await.unwrap().status(), 403);
}
