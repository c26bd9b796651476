//! What a token is good for: the portal's operations and STS.

use super::*;

#[tokio::test]
async fn the_portal_tells_what_a_token_may_use() {
    let fixture = Fixture::new().await;
    let token = fixture.sign_in();
    let portal = async |path: &str| fixture.portal(token.access_token.expose(), path).await;
    for (path, status, kind) in [
        ("/federation/credentials?account_id=012345678901&role_name=Developer", 200, ""),
        ("/federation/credentials?account_id=12345678901&role_name=Developer", 403, "ForbiddenException"),
        ("/federation/credentials?account_id=012345678901&role_name=Admin", 403, "ForbiddenException"),
        ("/federation/credentials?account_id=012345678901", 400, "InvalidRequestException"),
        ("/assignment/accounts?max_result=0", 400, "InvalidRequestException"),
        ("/assignment/accounts?next_token=x", 400, "InvalidRequestException"),
        ("/assignment/roles", 400, "InvalidRequestException"),
        ("/assignment/roles?account_id=1", 403, "ForbiddenException"),
        ("/nothing", 404, "UnknownOperationException"),
        ("/admin/calls", 404, "UnknownOperationException"),
    ] {
        let answered = portal(path).await;
        assert_eq!((answered.status, answered.kind.as_str()), (status, kind), "{path}");
    }
    let given = portal("/federation/credentials?account_id=012345678901&role_name=Developer").await.json();
    assert_eq!(given["roleCredentials"]["expiration"], json!(1_798_761_600_000_i64 + 3_600_000));

    let first = portal("/assignment/accounts?max_result=1").await.json();
    assert_eq!(first["accountList"][0]["accountId"], "012345678901");
    let next = first["nextToken"].as_str().unwrap();
    let last = portal(&format!("/assignment/accounts?max_result=1&next_token={next}")).await.json();
    assert_eq!(last["accountList"][0]["accountName"], "Production");
    assert_eq!(last.get("nextToken"), None);
    let roles = portal("/assignment/roles?account_id=012345678901").await.json();
    assert_eq!(roles["roleList"][1], json!({ "roleName": "ReadOnly", "accountId": "012345678901" }));

    for dead in ["", "unknown"] {
        let answered = fixture.portal(dead, "/assignment/accounts").await;
        assert_eq!((answered.status, answered.kind.as_str()), (401, "UnauthorizedException"));
        assert_eq!(answered.json()["message"], "Session token not found or invalid");
    }
}

#[tokio::test]
async fn tells_whose_role_credentials_they_are() {
    let fixture = Fixture::new().await;
    let token = fixture.sign_in();
    let path = "/federation/credentials?account_id=012345678901&role_name=Developer";
    let given = fixture.portal(token.access_token.expose(), path).await.json();
    assert_eq!(fixture.logout(token.access_token.expose()).await.status, 200);
    let key = given["roleCredentials"]["accessKeyId"].as_str().unwrap();
    let session_token = given["roleCredentials"]["sessionToken"].as_str().unwrap();
    let call = async |key: &str, session_token: &str, action: &str| {
        let request = fixture.request(Method::POST, "/").body(format!("Action={action}&Version=2011-06-15"));
        let authorization = format!("AWS4-HMAC-SHA256 Credential={key}/20270101/us-east-1/sts/aws4_request");
        let request =
            request.header("authorization", authorization).header("x-amz-security-token", session_token);
        Fixture::read(request).await
    };
    for (key, session_token, action, status, text) in [
        (key, session_token, "GetCallerIdentity", 200, "<Account>012345678901</Account>"),
        (key, "another", "GetCallerIdentity", 403, "InvalidClientTokenId"),
        ("ASIAX", session_token, "GetCallerIdentity", 403, "InvalidClientTokenId"),
        (key, session_token, "AssumeRole", 400, "InvalidAction"),
    ] {
        let answered = call(key, session_token, action).await;
        assert_eq!(answered.status, status, "{key} {action}");
        assert!(answered.text.contains(text), "{}", answered.text);
    }
    fixture.pass(3600);
    assert_eq!(call(key, session_token, "GetCallerIdentity").await.status, 403, "they have expired");
}
