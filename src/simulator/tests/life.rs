//! How long things last, and who can end them.

use super::*;

#[tokio::test]
async fn a_refresh_rotates_and_old_tokens_live_or_die_as_told() {
    for (rotate, single_use, changes, again) in
        [(true, false, true, ""), (true, true, true, "InvalidGrantException"), (false, false, false, "")]
    {
        let fixture = Fixture::with(|options| {
            options.rotate = rotate;
            options.single_use = single_use;
        })
        .await;
        let token = fixture.sign_in();
        let answered = fixture.refresh(&token).await;
        let old = token.refresh_token.as_ref().unwrap().expose();
        assert_eq!(answered.str("refreshToken") != old, changes, "rotate {rotate}");
        assert_eq!(fixture.refresh(&token).await.kind, again, "rotate {rotate}, single use {single_use}");
        for access_token in [token.access_token.expose(), &answered.str("accessToken")] {
            assert_eq!(fixture.portal(access_token, "/assignment/accounts").await.status, 200);
        }
    }
}

#[tokio::test]
async fn a_refresh_needs_its_own_client() {
    let fixture = Fixture::new().await;
    let (token, other) = (fixture.sign_in(), fixture.sign_in());
    let body = Fixture::refresh_body(&token);
    let theirs = Fixture::refresh_body(&other);
    for (body, status, kind) in [
        (with(body.clone(), "refreshToken", theirs["refreshToken"].clone()), 400, "InvalidGrantException"),
        (with(body.clone(), "refreshToken", json!("unknown")), 400, "InvalidGrantException"),
        (with(body.clone(), "refreshToken", json!("")), 400, "InvalidRequestException"),
        (with(body.clone(), "clientSecret", json!("wrong")), 401, "InvalidClientException"),
        (with(body.clone(), "clientId", json!("unknown")), 401, "InvalidClientException"),
        (with(body.clone(), "grantType", json!("authorization_code")), 400, "UnauthorizedClientException"),
        (body, 200, ""),
    ] {
        let answered = fixture.post("/token", &body).await;
        assert_eq!((answered.status, answered.kind.as_str()), (status, kind));
    }
    let iam = fixture.post("/token?aws_iam=t", &theirs).await;
    assert_eq!(iam.kind, "InvalidRequestException");
}

#[tokio::test]
async fn a_token_lives_an_hour_and_its_session_eight() {
    let fixture = Fixture::new().await;
    let token = fixture.sign_in();
    let access_token = token.access_token.expose();
    let mut left = Vec::new();
    for (pass, portal, refresh) in [
        (0, 200, Some(3600)),
        (3599, 200, Some(3600)),
        (1, 401, Some(3600)),
        (6 * 3600, 401, Some(3600)),
        (1800, 401, Some(1800)),
        (1799, 401, Some(1)),
        (1, 401, None),
    ] {
        fixture.pass(pass);
        assert_eq!(fixture.portal(access_token, "/assignment/accounts").await.status, portal);
        let answered = fixture.refresh(&token).await;
        match refresh {
            Some(expires_in) => assert_eq!(answered.json()["expiresIn"], expires_in),
            None => assert_eq!(answered.str("error"), "invalid_grant"),
        }
        left.push(answered.status);
    }
    assert_eq!(left, [200, 200, 200, 200, 200, 200, 400]);
    let next = fixture.sign_in();
    assert_eq!(next.life(), Some(Duration::from_secs(3600)), "a new sign-in opens a new session");
    assert_eq!(fixture.refresh(&next).await.status, 200);
}

#[tokio::test]
async fn a_browser_that_is_still_signed_in_keeps_its_session() {
    let fixture = Fixture::new().await;
    fixture.sign_in();
    fixture.pass(7 * 3600 + 1800);
    let again = fixture.simulator.sign_in(&format!("{START_URL}/#/"), &[SCOPE]).token;
    assert_eq!(again.life(), Some(Duration::from_secs(1800)));
    assert_eq!(fixture.logout(again.access_token.expose()).await.status, 200);
    assert_eq!(fixture.sign_in().life(), Some(Duration::from_secs(3600)), "but not after a logout");
}

#[tokio::test]
async fn a_sign_in_without_scopes_can_not_be_refreshed() {
    let fixture = Fixture::new().await;
    let token = fixture.simulator.sign_in(START_URL, &[]).token;
    assert_eq!((token.refresh_token.is_none(), token.life()), (true, Some(Duration::from_secs(8 * 3600))));
    assert_eq!(fixture.portal(token.access_token.expose(), "/assignment/accounts").await.status, 200);
    assert_eq!(fixture.refresh(&token).await.kind, "InvalidGrantException");
}

#[tokio::test]
async fn a_registration_can_end_inside_a_session() {
    let fixture = Fixture::with(|options| options.session_life = Duration::from_secs(100 * 24 * 3600)).await;
    let token = fixture.sign_in();
    fixture.pass(90 * 24 * 3600 - 1);
    assert_eq!(fixture.refresh(&token).await.status, 200);
    fixture.pass(1);
    let answered = fixture.refresh(&token).await;
    assert_eq!((answered.status, answered.str("error").as_str()), (401, "invalid_client"));
}

#[tokio::test]
async fn logout_and_the_administrator_end_tokens() {
    let fixture = Fixture::new().await;
    let bystander = fixture.simulator.sign_in("https://other.awsapps.com/start", &[SCOPE]).token;
    for administrator in [true, false] {
        let token = fixture.sign_in();
        if administrator {
            fixture.simulator.end_session(START_URL);
        } else {
            assert_eq!(fixture.logout(token.access_token.expose()).await.text, "");
        }
        assert_eq!(fixture.portal(token.access_token.expose(), "/assignment/accounts").await.status, 401);
        assert_eq!(fixture.refresh(&token).await.str("error"), "invalid_grant");
        assert_eq!(fixture.logout(token.access_token.expose()).await.status, 401);
    }
    assert_eq!(fixture.refresh(&bystander).await.status, 200);
}

#[tokio::test]
async fn an_outage_refuses_connections_and_ends() {
    let fixture = Fixture::new().await;
    let token = fixture.sign_in();
    assert_eq!(fixture.refresh(&token).await.status, 200);
    fixture.simulator.stop();
    let body = Fixture::refresh_body(&token);
    let request = || fixture.request(Method::POST, "/token").json(&body).send();
    assert!(request().await.is_err(), "an open connection was closed");
    // What another test starts as a process has the listener too, until it runs its program.
    let mut refused = false;
    for _ in 0..1000 {
        refused = request().await.unwrap_err().is_connect();
        if refused {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(refused, "a new one is refused");
    fixture.simulator.resume().await.unwrap();
    assert_eq!(fixture.refresh(&token).await.status, 200);
    assert_eq!(fixture.simulator.count(Operation::CreateToken), 2);
}

#[tokio::test]
async fn the_same_seed_and_calls_give_the_same_answers() {
    let mut runs = Vec::new();
    for seed in [7, 7, 8] {
        let fixture = Fixture::with(|options| options.seed = seed).await;
        let token = fixture.sign_in();
        runs.push(fixture.refresh(&token).await.text);
    }
    assert!(runs[0] == runs[1] && runs[0] != runs[2]);
}

#[tokio::test]
async fn other_machines_are_kept_out() {
    let refused = Simulator::start(([0, 0, 0, 0], 0).into(), Options::default()).await;
    assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}
