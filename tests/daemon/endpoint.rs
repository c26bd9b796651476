//! The loopback endpoint: what an SDK gets there, what nobody does, and what a reload and a taken port do to it.

use std::{fs, net::SocketAddr, os::unix::fs::symlink, path::PathBuf};

use serde_json::{Value, json};
use sso_refresh::{
    api::{EndpointInfo, client::Client},
    simulator::{Operation, Options},
    time::{Clock, Timestamp},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    MINUTE, faults,
    place::{Place, eventually, mode, put},
    single_use,
};

const PROFILES: &str = "
[profile dev]
sso_session = work
sso_account_id = 012345678901
sso_role_name = Developer
[profile prod]
sso_session = work
sso_account_id = 012345678901
sso_role_name = ReadOnly
";

/// At any port.
const LISTEN: &str = "[listen]\naddress = \"127.0.0.1:0\"\n";

/// A place with an endpoint, signed in for 50 minutes.
async fn place(config: &str, options: Options) -> Place {
    let place = Place::new(&["work"], options).await;
    place.write_aws_config_with(&["work"], PROFILES);
    place.write_config(config);
    place.sign_in("work", 50 * MINUTE);
    place
}

async fn info(client: &Client) -> Option<EndpointInfo> {
    client.status().await.unwrap().daemon.endpoint
}

/// A client that knows what the status says.
struct Sdk {
    address: SocketAddr,
    token_file: PathBuf,
    token: String,
}

impl Sdk {
    async fn new(place: &Place) -> Self {
        let EndpointInfo { address, token_file, error } = info(&place.client).await.unwrap();
        assert_eq!(error, None);
        let token_file = token_file.unwrap();
        let token = fs::read_to_string(&token_file).unwrap();
        Self { address, token_file, token }
    }

    /// Status and body of what a request with the token is answered.
    async fn get(&self, target: &str) -> (u16, Value) {
        self.get_with(target, &self.token).await.unwrap()
    }

    /// The same; `None` where nobody answers.
    async fn get_with(&self, target: &str, token: &str) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect(self.address).await.ok()?;
        let host = self.address;
        let sent = format!(
            "GET {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: {token}\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(sent.as_bytes()).await.ok()?;
        let mut received = String::new();
        stream.read_to_string(&mut received).await.ok()?;
        let (head, body) = received.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().unwrap();
        Some((status, serde_json::from_str(body).unwrap()))
    }
}

#[tokio::test]
async fn an_sdk_gets_what_it_wants_and_from_memory() {
    let place = place(LISTEN, single_use()).await;
    place
        .play(async {
            let sdk = Sdk::new(&place).await;
            assert_eq!((mode(&sdk.token_file), sdk.token.len()), (0o600, 43));
            let (status, given) = sdk.get("/v1/credentials/dev").await;
            let keys: Vec<&str> = given.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, ["AccessKeyId", "SecretAccessKey", "Token", "Expiration", "AccountId"]);
            assert!(given.as_object().unwrap().values().all(Value::is_string), "{given}");
            assert_eq!((status, &given["AccountId"]), (200, &json!("012345678901")));
            let expiration = given["Expiration"].as_str().unwrap();
            assert_eq!((expiration.len(), expiration.ends_with('Z')), (20, true), "{expiration}");
            assert!(Timestamp::parse(expiration).unwrap() > Clock::system().now().after(15 * MINUTE));
            // AWS does not answer any more: what is in memory needs none.
            place.simulator.set_faults(faults("*:delay=600s"));
            assert_eq!(sdk.get("/v1/credentials/dev").await, (200, given));
            assert_eq!(place.simulator.count(Operation::GetRoleCredentials), 1);
        })
        .await;
}

#[tokio::test]
async fn tokens_and_the_status_are_there_with_the_token_and_nothing_without() {
    let place = place(LISTEN, single_use()).await;
    let issued = place.sign_in("work", 50 * MINUTE);
    place
        .play(async {
            let sdk = Sdk::new(&place).await;
            let of_session = format!("/v1/sessions/{}/token", "work");
            for target in ["/token", of_session.as_str()] {
                let (status, given) = sdk.get(target).await;
                assert_eq!((status, &given["accessToken"]), (200, &json!(issued.access_token.expose())));
                assert_eq!(sdk.get_with(target, "wrong").await.unwrap().0, 401);
            }
            let bearer = format!("Bearer {}", sdk.token);
            let (status, given) = sdk.get_with("/v1/status", &bearer).await.unwrap();
            assert_eq!((status, &given["sessions"][0]["session"]), (200, &json!("work")));
            assert_eq!(sdk.get("/v1/credentials/dve").await.0, 404);
            assert_eq!(sdk.get("/v1/sessions/dve/token").await.0, 404);
        })
        .await;
}

#[tokio::test]
async fn who_must_sign_in_is_told_so_at_once_and_as_no_sdk_tries_again() {
    let place = place(LISTEN, single_use()).await;
    fs::remove_file(place.token_path("work")).unwrap();
    place
        .play(async {
            let (status, said) = Sdk::new(&place).await.get("/v1/credentials/dev").await;
            assert_eq!((status, &said["code"], &said["Code"]), (409, &said["Code"], &json!("SignInNeeded")));
            assert!(said["Message"].as_str().unwrap().contains("sso-refresh login work"), "{said}");
        })
        .await;
}

#[tokio::test]
async fn only_what_is_listed_is_handed_out() {
    let place = place(&format!("{LISTEN}profiles = [\"d*\"]\n"), single_use()).await;
    place
        .play(async {
            let sdk = Sdk::new(&place).await;
            assert_eq!(sdk.get("/v1/credentials/dev").await.0, 200);
            for target in ["/v1/credentials/prod", "/v1/credentials/unknown", "/token"] {
                let (status, said) = sdk.get(target).await;
                assert_eq!((status, &said["Code"]), (403, &json!("Forbidden")), "{target}");
            }
            assert_eq!(place.simulator.count(Operation::GetRoleCredentials), 1);
            // A list may be another from one moment to the next; the token is the same.
            place.write_config(&format!("{LISTEN}profiles = [\"p*\"]\n"));
            let said = place.client.reload().await.unwrap().unwrap();
            assert!(said.contains("the endpoint changed"), "{said}");
            assert_eq!(sdk.get("/v1/credentials/dev").await.0, 403);
            assert_eq!(sdk.get("/v1/credentials/prod").await.0, 200);
        })
        .await;
}

#[tokio::test]
async fn a_reload_starts_it_moves_it_and_stops_it() {
    let place = place("", single_use()).await;
    place
        .play(async {
            let reload = async |config: &str| {
                place.write_config(config);
                place.client.reload().await.unwrap().unwrap();
            };
            assert_eq!(info(&place.client).await, None);
            reload(LISTEN).await;
            let first = Sdk::new(&place).await;
            reload(&format!("refresh_before = \"21m\"\n{LISTEN}")).await;
            assert_eq!(info(&place.client).await.unwrap().address, first.address, "nothing of it differs");
            assert_eq!(first.get("/v1/credentials/dev").await.0, 200);
            // An answer that is under way when the listener goes is given all the same.
            place.simulator.set_faults(faults("GetRoleCredentials:delay=500ms"));
            let under_way = first.get("/v1/credentials/prod");
            let moving = async {
                eventually("it is asked", async || place.simulator.count(Operation::GetRoleCredentials) == 2)
                    .await;
                reload("[listen]\naddress = \"[::1]:0\"").await;
            };
            let ((status, _), ()) = tokio::join!(under_way, moving);
            assert_eq!(status, 200);
            if info(&place.client).await.unwrap().error.is_none() {
                let second = Sdk::new(&place).await;
                assert!(second.address.is_ipv6() && second.token != first.token);
                assert_eq!(second.get("/v1/credentials/dev").await.0, 200);
            }
            assert_eq!(first.get_with("/healthz", "").await, None, "nobody is there any more");
            reload("").await;
            assert_eq!(info(&place.client).await, None);
            assert!(!first.token_file.exists());
        })
        .await;
}

#[tokio::test]
async fn a_taken_port_is_told_with_its_holder_and_had_when_it_is_free() {
    let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = holder.local_addr().unwrap();
    let place = place(&format!("[listen]\naddress = \"{address}\""), single_use()).await;
    place
        .play(async {
            let told = info(&place.client).await.unwrap();
            let error = told.error.unwrap();
            assert_eq!((told.address, told.token_file), (address, None));
            assert!(error.contains(&format!("{address} is in use")), "{error}");
            if cfg!(target_os = "linux") {
                assert!(error.contains(&format!("(process {})", std::process::id())), "{error}");
            }
            place.client.token(Some("work"), MINUTE).await.expect("all else goes on");
            drop(holder);
            place.client.reload().await.unwrap().unwrap();
            assert_eq!(Sdk::new(&place).await.get("/v1/credentials/dev").await.0, 200);
        })
        .await;
}

#[tokio::test]
async fn a_token_of_the_users_own_counts_and_stays_where_it_is() {
    let place = place("", single_use()).await;
    let file = place.token_path("work").with_file_name("own-token");
    let config = format!("{LISTEN}token_file = \"{}\"", file.display());
    place
        .play(async {
            place.write_config(&config);
            place.client.reload().await.unwrap().unwrap();
            let error = info(&place.client).await.unwrap().error.unwrap();
            assert!(error.contains("own-token does not exist; make it"), "{error}");
            put(&file, b"the-users-own\n");
            place.client.reload().await.unwrap().unwrap();
            let sdk = Sdk::new(&place).await;
            assert_eq!((&sdk.token_file, mode(&file)), (&file, 0o600), "made private");
            assert_eq!(sdk.get_with("/token", "the-users-own").await.unwrap().0, 200);
            put(&file, b"another");
            place.client.reload().await.unwrap().unwrap();
            assert_eq!(sdk.get_with("/token", "the-users-own").await.unwrap().0, 401);
            assert_eq!(sdk.get_with("/token", "another").await.unwrap().0, 200);
            // Without it the old one counts, and what may be had is what is written now.
            fs::remove_file(&file).unwrap();
            place.write_config(&format!("{config}\nprofiles = [\"dev\"]"));
            place.client.reload().await.unwrap().unwrap();
            assert!(info(&place.client).await.unwrap().error.is_some());
            assert_eq!(sdk.get_with("/token", "another").await.unwrap().0, 403);
            assert_eq!(sdk.get_with("/v1/credentials/dev", "another").await.unwrap().0, 200);
        })
        .await;
}

#[tokio::test]
async fn a_profile_is_what_its_file_says_though_a_link_hid_the_change() {
    let place = place(LISTEN, single_use()).await;
    // The link is not where the file is, nor where the file's name is: of another one nobody is told.
    let at = |below: &str| place.aws_config().parent().unwrap().with_file_name("dotfiles").join(below);
    let text = fs::read_to_string(place.aws_config()).unwrap();
    for (version, role) in [("one", "Developer"), ("two", "ReadOnly")] {
        fs::create_dir_all(at(version)).unwrap();
        put(&at(version).join("config"), text.replace("Developer", role).as_bytes());
    }
    symlink("one", at("current")).unwrap();
    fs::remove_file(place.aws_config()).unwrap();
    symlink(at("current/config"), place.aws_config()).unwrap();
    place
        .play(async {
            let sdk = Sdk::new(&place).await;
            let role = async || {
                let (_, given) = sdk.get("/v1/credentials/dev").await;
                given["AccessKeyId"].clone()
            };
            let developer = role().await;
            symlink("two", at("next")).unwrap();
            fs::rename(at("next"), at("current")).unwrap();
            eventually("it is another role's", async || role().await != developer).await;
            assert_eq!(place.simulator.count(Operation::GetRoleCredentials), 2);
        })
        .await;
}
