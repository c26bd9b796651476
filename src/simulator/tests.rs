//! The simulator through real HTTP: sign-ins here, the services of a token in `portal`, what lasts in `life`, what
//! goes wrong in `faults`.

mod faults;
mod life;
mod portal;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use reqwest::{Client, Method, RequestBuilder, Url, redirect};
use serde_json::{Value, json};

use super::*;
use crate::time::Timestamp;

const START_URL: &str = "https://example.awsapps.com/start";
const SCOPE: &str = "sso:account:access";
const REDIRECT_URI: &str = "http://127.0.0.1:43210/oauth/callback";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A simulator, its clock, and a client of it.
struct Fixture {
    simulator: Simulator,
    millis: Arc<AtomicI64>,
    client: Client,
}

/// An answer that was read whole.
#[derive(Debug)]
struct Answered {
    status: u16,
    kind: String,
    location: String,
    text: String,
}

impl Answered {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn str(&self, member: &str) -> String {
        self.json()[member].as_str().unwrap_or_else(|| panic!("no {member}: {self:?}")).to_owned()
    }

    /// The value of a parameter of the redirect.
    fn callback(&self, name: &str) -> Option<String> {
        let url = Url::parse(&self.location).unwrap_or_else(|error| panic!("{error}: {self:?}"));
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

impl Fixture {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let millis = Arc::new(AtomicI64::new(1_798_761_600_000));
        let now = Arc::clone(&millis);
        let clock = Clock::from_fn(move || Timestamp::from_millis(now.load(Ordering::Relaxed)));
        let mut options = Options { clock, ..Options::default() };
        change(&mut options);
        let simulator = Simulator::start(([127, 0, 0, 1], 0).into(), options).await.unwrap();
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        Self { simulator, millis, client }
    }

    fn pass(&self, secs: i64) {
        self.millis.fetch_add(secs * 1000, Ordering::Relaxed);
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.simulator.url()))
    }

    async fn read(request: RequestBuilder) -> Answered {
        let response = request.send().await.unwrap();
        let header =
            |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        let (status, kind, location) =
            (response.status().as_u16(), header("x-amzn-errortype"), header("location"));
        assert!(!header("x-amzn-requestid").is_empty() && !header("date").is_empty());
        let kind = kind.split(':').next().unwrap_or_default().to_owned();
        Answered { status, kind, location, text: response.text().await.unwrap() }
    }

    async fn post(&self, path: &str, body: &Value) -> Answered {
        Self::read(self.request(Method::POST, path).json(body)).await
    }

    async fn get(&self, path: &str) -> Answered {
        Self::read(self.request(Method::GET, path)).await
    }

    async fn form(&self, path: &str, body: &str) -> Answered {
        let request = self.request(Method::POST, path).body(body.to_owned());
        Self::read(request.header("content-type", "application/x-www-form-urlencoded")).await
    }

    async fn portal(&self, token: &str, path: &str) -> Answered {
        Self::read(self.request(Method::GET, path).header("x-amz-sso_bearer_token", token)).await
    }

    async fn logout(&self, token: &str) -> Answered {
        Self::read(self.request(Method::POST, "/logout").header("x-amz-sso_bearer_token", token)).await
    }

    /// The body of a refresh of `token`.
    fn refresh_body(token: &Token) -> Value {
        let registration = token.registration.as_ref().unwrap();
        json!({
            "grantType": "refresh_token",
            "clientId": registration.client_id,
            "clientSecret": registration.client_secret.expose(),
            "refreshToken": token.refresh_token.as_ref().map_or("none", Secret::expose),
        })
    }

    async fn refresh(&self, token: &Token) -> Answered {
        self.post("/token", &Self::refresh_body(token)).await
    }

    fn sign_in(&self) -> Token {
        self.simulator.sign_in(START_URL, &[SCOPE]).token
    }
}

fn browser_client() -> Value {
    json!({
        "clientName": "a <test>",
        "clientType": "public",
        "scopes": [SCOPE],
        "grantTypes": ["authorization_code", "refresh_token"],
        "redirectUris": ["http://127.0.0.1/oauth/callback"],
        "issuerUrl": START_URL,
    })
}

fn with(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

/// The URL that a browser is sent to, with one parameter changed.
fn authorize_url(client_id: &str, change: (&str, &str)) -> String {
    let mut url = Url::parse("http://x/authorize").unwrap();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", REDIRECT_URI),
        ("state", "st ate"),
        ("code_challenge_method", "S256"),
        ("code_challenge", &state::consent::challenge("verifier")),
        ("scopes", SCOPE),
    ] {
        url.query_pairs_mut().append_pair(name, if name == change.0 { change.1 } else { value });
    }
    format!("/authorize?{}", url.query().unwrap())
}

/// The hidden field of the page's form.
fn question(page: &str) -> String {
    let rest = page.split("name=\"request\" value=\"").nth(1).unwrap_or_else(|| panic!("no form: {page}"));
    rest.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn registers_clients_and_says_what_is_wrong_with_them() {
    let fixture = Fixture::new().await;
    let device = json!({ "clientName": "test", "clientType": "public" });
    for (body, status, kind) in [
        (device.clone(), 200, ""),
        (browser_client(), 200, ""),
        (json!({ "clientType": "public" }), 400, "InvalidRequestException"),
        (with(device.clone(), "clientType", json!("confidential")), 400, "InvalidClientMetadataException"),
        (with(device.clone(), "grantTypes", json!(["password"])), 400, "UnsupportedGrantTypeException"),
        (with(device.clone(), "scopes", json!(["two words"])), 400, "InvalidScopeException"),
        (with(device, "scopes", json!("text")), 400, "InvalidRequestException"),
        (
            with(browser_client(), "redirectUris", json!(["http://[::1]/"])),
            400,
            "InvalidRedirectUriException",
        ),
        (with(browser_client(), "issuerUrl", json!(null)), 400, "InvalidRequestException"),
        (
            with(browser_client(), "grantTypes", json!(["authorization_code", DEVICE_CODE])),
            400,
            "InvalidScopeException",
        ),
        (json!([]), 400, "InvalidRequestException"),
    ] {
        let answered = fixture.post("/client/register", &body).await;
        assert_eq!((answered.status, answered.kind.as_str()), (status, kind), "{body}");
    }
    let answered = fixture.post("/client/register", &browser_client()).await.json();
    assert_eq!(answered["clientIdIssuedAt"], 1_798_761_600);
    assert_eq!(answered["clientSecretExpiresAt"], 1_798_761_600 + 90 * 24 * 3600);
}

#[tokio::test]
async fn signs_in_through_the_browser() {
    let fixture = Fixture::new().await;
    let client = fixture.post("/client/register", &browser_client()).await;
    let page = fixture.get(&authorize_url(&client.str("clientId"), ("", ""))).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("a &lt;test&gt;") && page.text.contains("Approve"), "{}", page.text);
    let decision = format!("request={}&decision=approve", question(&page.text));
    let approved = fixture.form("/authorize", &decision).await;
    assert_eq!((approved.status, approved.callback("state").as_deref()), (303, Some("st ate")));
    assert!(approved.location.starts_with(REDIRECT_URI));
    assert_eq!(fixture.form("/authorize", &decision).await.status, 400, "a question is answered once");

    let body = json!({
        "grantType": "authorization_code",
        "clientId": client.str("clientId"),
        "clientSecret": client.str("clientSecret"),
        "code": approved.callback("code"),
        "codeVerifier": "verifier",
        "redirectUri": REDIRECT_URI,
    });
    let token = fixture.post("/token", &body).await;
    assert_eq!((token.status, &token.json()["expiresIn"]), (200, &json!(3600)));
    assert_eq!(token.str("tokenType"), "Bearer");
    assert!(!token.str("refreshToken").is_empty());
    assert_eq!(fixture.post("/token", &body).await.kind, "InvalidGrantException", "a code is used once");
    assert_eq!(fixture.portal(&token.str("accessToken"), "/assignment/accounts").await.status, 200);
}

#[tokio::test]
async fn an_authorization_code_needs_its_proof() {
    let fixture = Fixture::with(|options| options.auto_approve = true).await;
    let client = fixture.post("/client/register", &browser_client()).await;
    let other = fixture.post("/client/register", &browser_client()).await;
    for (member, value, late, kind) in [
        ("codeVerifier", json!("another"), 0, "InvalidGrantException"),
        ("redirectUri", json!("http://127.0.0.1:1/oauth/callback"), 0, "InvalidGrantException"),
        ("code", json!("another"), 0, "InvalidGrantException"),
        ("clientId", other.json()["clientId"].clone(), 0, "InvalidClientException"),
        ("clientSecret", json!("wrong"), 0, "InvalidClientException"),
        ("grantType", json!(DEVICE_CODE), 0, "UnauthorizedClientException"),
        ("grantType", json!("password"), 0, "UnsupportedGrantTypeException"),
        ("codeVerifier", json!(null), 0, "InvalidRequestException"),
        ("tokenType", json!("Bearer"), 600, "ExpiredTokenException"),
        ("tokenType", json!("Bearer"), 599, ""),
    ] {
        let approved = fixture.get(&authorize_url(&client.str("clientId"), ("", ""))).await;
        fixture.pass(late);
        let body = json!({
            "grantType": "authorization_code",
            "clientId": client.str("clientId"),
            "clientSecret": client.str("clientSecret"),
            "code": approved.callback("code").unwrap(),
            "codeVerifier": "verifier",
            "redirectUri": REDIRECT_URI,
        });
        let answered = fixture.post("/token", &with(body, member, value.clone())).await;
        assert_eq!(answered.kind, kind, "{member} {value} {late}");
    }
}

#[tokio::test]
async fn the_authorize_page_redirects_only_to_the_client() {
    let fixture = Fixture::new().await;
    let client = fixture.post("/client/register", &browser_client()).await.str("clientId");
    for (name, value, status, error) in [
        ("client_id", "nobody", 400, None),
        ("redirect_uri", "https://example.com/", 400, None),
        ("redirect_uri", "http://127.0.0.1:1/oauth/callback", 200, None),
        ("response_type", "token", 303, Some("invalid_request")),
        ("code_challenge_method", "plain", 303, Some("invalid_request")),
        ("code_challenge", "", 303, Some("invalid_request")),
        ("scopes", "sso:everything", 303, Some("invalid_scope")),
    ] {
        let answered = fixture.get(&authorize_url(&client, (name, value))).await;
        assert_eq!(answered.status, status, "{name}={value}");
        if status == 303 {
            assert_eq!(answered.callback("error").as_deref(), error, "{name}={value}");
            assert_eq!(answered.callback("state").as_deref(), Some("st ate"));
        }
    }
    let page = fixture.get(&authorize_url(&client, ("", ""))).await;
    let denied = fixture.form("/authorize", &format!("request={}&decision=deny", question(&page.text))).await;
    assert_eq!(denied.callback("error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn signs_in_with_a_device_code() {
    let fixture = Fixture::with(|options| options.interval = Duration::ZERO).await;
    let application = json!({ "clientName": "test", "clientType": "public", "scopes": [SCOPE] });
    let client = fixture.post("/client/register", &application).await;
    let start = async || {
        let body = json!({
            "clientId": client.str("clientId"),
            "clientSecret": client.str("clientSecret"),
            "startUrl": START_URL,
        });
        fixture.post("/device_authorization", &body).await
    };
    let poll = async |device: &Answered| {
        let body = json!({
            "grantType": DEVICE_CODE,
            "clientId": client.str("clientId"),
            "clientSecret": client.str("clientSecret"),
            "deviceCode": device.str("deviceCode"),
        });
        fixture.post("/token", &body).await
    };

    let device = start().await;
    assert_eq!((&device.json()["expiresIn"], &device.json()["interval"]), (&json!(600), &json!(0)));
    let complete = device.str("verificationUriComplete");
    let page = fixture.get(complete.strip_prefix(&fixture.simulator.url()).unwrap()).await;
    assert!(page.text.contains(&device.str("userCode")), "{}", page.text);
    assert_eq!(poll(&device).await.kind, "AuthorizationPendingException");
    let form = format!("user_code={}&decision=approve", device.str("userCode").to_lowercase());
    assert!(fixture.form("/device", &form).await.text.contains("Approved"));
    assert_eq!(poll(&device).await.status, 200);
    assert_eq!(poll(&device).await.kind, "InvalidGrantException", "a device code is used once");

    let device = start().await;
    assert!(fixture.simulator.deny(&device.str("userCode")));
    assert!(!fixture.simulator.approve(&device.str("userCode")), "what was decided stays");
    assert_eq!(poll(&device).await.kind, "AccessDeniedException");

    let device = start().await;
    fixture.pass(600);
    assert_eq!(poll(&device).await.kind, "ExpiredTokenException");
    assert!(!fixture.simulator.approve(&device.str("userCode")));
    assert_eq!(fixture.get("/device?user_code=XXXX-XXXX").await.status, 400);
    assert_eq!(fixture.get("/device").await.status, 200);

    let refused =
        fixture.post("/device_authorization", &json!({ "clientId": "x", "clientSecret": "y" })).await;
    assert_eq!(refused.kind, "InvalidRequestException");
    let body = json!({ "clientId": "x", "clientSecret": "y", "startUrl": START_URL });
    let refused = fixture.post("/device_authorization", &body).await;
    assert_eq!((refused.status, refused.kind.as_str()), (401, "InvalidClientException"));
}
