//! The daemon as its user meets it: files in a home directory, a socket, and a server that does as AWS does.

#![cfg(feature = "simulator")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "what is missing fails the test")]

mod credentials;
mod endpoint;
mod place;
mod secrets;

use std::{fs, time::Duration};

use place::{Place, eventually, mode, moment, put};
use sso_refresh::{
    api::{Refusal, client::Error},
    daemon,
    session::{schedule::Policy, status::State},
    simulator::{Fault, Options},
    time::Clock,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

fn single_use() -> Options {
    Options { single_use: true, ..Options::default() }
}

fn faults(text: &str) -> Vec<Fault> {
    Fault::parse_lines(text).expect("a fault is well written")
}

#[tokio::test]
async fn a_token_that_is_due_is_refreshed_at_once_and_the_file_stays_whole() {
    let place = Place::new(&["work"], single_use()).await;
    let old = place.sign_in("work", MINUTE);
    place
        .play(async {
            place.until("it is refreshed", "work", |status| status.refreshed_at.is_some()).await;
            let file = place.token_file("work");
            assert_eq!(place.exchanges(), 1);
            assert_ne!(file["accessToken"], old.access_token.expose());
            assert!(moment(&file["expiresAt"]) > Clock::system().now().after(50 * MINUTE));
            assert_eq!(file["somebodyElses"]["kept"], true);
            assert_eq!(mode(&place.token_path("work")), 0o600);
            let status = place.status("work").await.unwrap();
            assert!(status.usable && status.state == State::Fresh, "{status:?}");
            assert_eq!(status.next.unwrap().why, "refresh");
        })
        .await;
}

#[tokio::test]
async fn a_token_that_is_good_is_left_alone() {
    let place = Place::new(&["work"], single_use()).await;
    let token = place.sign_in("work", 50 * MINUTE);
    place
        .play(async {
            place.until("it is fresh", "work", |status| status.state == State::Fresh).await;
            let issued = place.client.token(Some("work"), MINUTE).await.unwrap();
            assert_eq!(issued.access_token, token.access_token);
            assert_eq!(place.exchanges(), 0);
        })
        .await;
}

#[tokio::test]
async fn many_who_want_a_longer_token_get_the_same_one_for_one_exchange() {
    let place = Place::new(&["work"], single_use()).await;
    place.sign_in("work", 50 * MINUTE);
    place
        .play(async {
            let asking = (0..10).map(|_| place.client.token(Some("work"), 55 * MINUTE));
            let answers = futures_util::future::join_all(asking).await;
            let first = answers[0].as_ref().unwrap().access_token.clone();
            assert!(answers.iter().all(|answer| answer.as_ref().unwrap().access_token == first));
            assert_eq!(place.exchanges(), 1);
            let error = place.client.token(Some("work"), 2 * HOUR).await.unwrap_err();
            assert!(matches!(&error, Error::Refused(Refusal::TooLong { .. })), "{error}");
        })
        .await;
}

#[tokio::test]
async fn an_explicit_refresh_is_not_held_back() {
    let place = Place::new(&["work"], single_use()).await;
    place.sign_in("work", 50 * MINUTE);
    place
        .play(async {
            for exchanges in 1..=3 {
                place.client.refresh("work").await.unwrap();
                assert_eq!(place.exchanges(), exchanges);
            }
        })
        .await;
}

#[tokio::test]
async fn a_session_that_has_ended_costs_two_exchanges_and_a_sign_in_is_noticed() {
    let place = Place::new(&["work"], single_use()).await;
    place.sign_in("work", MINUTE);
    place.simulator.end_session(&Place::start_url("work"));
    place
        .play(async {
            place.until("it gives up", "work", |status| status.state == State::LoginRequired).await;
            assert_eq!(place.exchanges(), 2);
            let status = place.status("work").await.unwrap();
            assert_eq!(status.remedy.as_deref(), Some("sso-refresh login work"));
            let error = place.client.refresh("work").await.unwrap_err();
            assert!(matches!(&error, Error::Refused(Refusal::SignInNeeded { .. })), "{error}");
            assert_eq!(place.exchanges(), 2, "silence until the file changes");

            let token = place.sign_in("work", HOUR);
            place.until("it is taken up", "work", |status| status.state == State::Fresh).await;
            let issued = place.client.token(None, MINUTE).await.unwrap();
            assert_eq!(issued.access_token, token.access_token);
            assert_eq!(place.exchanges(), 2);
        })
        .await;
}

#[tokio::test]
async fn a_rival_that_spent_the_refresh_token_is_no_end_of_the_session() {
    let place = Place::new(&["work"], single_use()).await;
    place.sign_in("work", MINUTE);
    let spent = place.token_file("work");
    place.sign_in("work", HOUR);
    let rival = fs::read(place.token_path("work")).unwrap();
    place.simulator.set_faults(faults("CreateToken:InvalidGrantException:times=1"));
    put(&place.token_path("work"), spent.to_string().as_bytes());
    place
        .play(async {
            eventually("the first refusal", async || place.exchanges() == 1).await;
            put(&place.token_path("work"), &rival);
            place.until("the rival's is taken up", "work", |status| status.state == State::Fresh).await;
            assert_eq!(place.exchanges(), 1);
        })
        .await;
}

#[tokio::test]
async fn a_deleted_file_is_a_logout_and_nothing_brings_it_back() {
    let place = Place::new(&["work"], single_use()).await;
    place.sign_in("work", 50 * MINUTE);
    place
        .play(async {
            place.client.refresh("work").await.unwrap();
            assert!(place.own_state().contains("accessToken"), "a good copy is kept");
            place.simulator.set_faults(faults("CreateToken:delay=300ms"));
            let refresh = place.client.refresh("work");
            let delete = async {
                eventually("the exchange is sent", async || place.exchanges() == 2).await;
                fs::remove_file(place.token_path("work")).unwrap();
            };
            let (answer, ()) = tokio::join!(refresh, delete);
            assert!(matches!(answer, Err(Error::Refused(Refusal::SignInNeeded { .. }))), "{answer:?}");
            place.until("it is signed out", "work", |status| status.state == State::SignedOut).await;
            assert!(!place.token_path("work").exists());
            eventually("the own copy goes", async || !place.own_state().contains("accessToken")).await;
        })
        .await;
}

#[tokio::test]
async fn a_torn_file_is_healed_from_the_last_good_copy() {
    let place = Place::new(&["work"], single_use()).await;
    place.sign_in("work", 50 * MINUTE);
    place
        .play(async {
            place.client.refresh("work").await.unwrap();
            let whole = place.token_file("work");
            put(&place.token_path("work"), &whole.to_string().as_bytes()[..40]);
            let issued = place.client.token(Some("work"), MINUTE).await.unwrap();
            assert_eq!(whole["accessToken"], issued.access_token.expose(), "answers while it is broken");
            eventually("it is whole again", async || {
                let bytes = fs::read(place.token_path("work")).unwrap();
                serde_json::from_slice::<serde_json::Value>(&bytes)
                    .is_ok_and(|file| file["accessToken"] == whole["accessToken"])
            })
            .await;
        })
        .await;
}

#[tokio::test]
async fn an_outage_keeps_the_token_and_ends_by_itself() {
    let outages = ["html=200", "status=500", "drop", "status=407", "truncated", "html=400"].map(outage);
    futures_util::future::join_all(outages).await;
}

async fn outage(fault: &str) {
    // Where the answer to a single-use token is lost, so is the session: not here.
    let place = Place::new(&["work"], Options::default()).await;
    let token = place.sign_in("work", 5 * MINUTE);
    place.simulator.set_faults(faults(&format!("CreateToken:{fault}:times=1")));
    place
        .play(async {
            place.until("it fails", "work", |status| status.state == State::Backoff).await;
            let status = place.status("work").await.unwrap();
            assert!(status.usable && status.last_error.is_some(), "{fault}: {status:?}");
            let issued = place.client.token(None, MINUTE).await.unwrap();
            assert_eq!(issued.access_token, token.access_token, "{fault}");
            place.until("it works again", "work", |status| status.refreshed_at.is_some()).await;
            assert_eq!(place.status("work").await.unwrap().last_error, None, "{fault}");
        })
        .await;
}

#[tokio::test]
async fn a_reload_takes_up_what_differs_and_a_bad_file_changes_nothing() {
    let place = Place::new(&["work"], single_use()).await;
    place.sign_in("work", 50 * MINUTE);
    place
        .play(async {
            place.write_config(
                "[session.extra]\nstart_url = \"https://extra.awsapps.com/start\"\nregion = \"eu-west-1\"\n",
            );
            let verdict = place.client.reload().await.unwrap().unwrap();
            assert!(place.status("extra").await.is_some(), "{verdict}");

            let before = place.status("work").await.unwrap().next.unwrap().at;
            place.write_config("[session.work]\nrefresh_before = \"25m\"\n");
            place.client.reload().await.unwrap().unwrap();
            assert!(place.status("extra").await.is_none(), "removed");
            let after = place.status("work").await.unwrap();
            assert!(after.next.unwrap().at < before, "planned again");
            assert_eq!(after.state, State::Fresh, "and not lost");

            place.write_config("\nrefesh_before = \"25m\"\n");
            let refused = place.client.reload().await.unwrap().unwrap_err();
            assert!(refused.contains("config.toml:2:1") && refused.contains("refresh_before"), "{refused}");
            let report = place.client.status().await.unwrap();
            assert_eq!(report.daemon.config_error.as_deref(), Some(refused.as_str()));
            assert_eq!(report.sessions.len(), 1);

            place.write_config("");
            place.client.reload().await.unwrap().unwrap();
            assert_eq!(place.client.status().await.unwrap().daemon.config_error, None);
            assert_eq!(place.exchanges(), 0);
        })
        .await;
}

#[tokio::test]
async fn a_session_that_the_aws_cli_configures_is_found_without_a_reload() {
    let place = Place::new(&[], single_use()).await;
    place
        .play(async {
            assert!(place.client.status().await.unwrap().sessions.is_empty());
            place.write_aws_config(&["work", "home"]);
            eventually("both are found", async || place.client.status().await.unwrap().sessions.len() == 2)
                .await;
            place.sign_in("home", MINUTE);
            place.until("it is refreshed", "home", |status| status.refreshed_at.is_some()).await;
        })
        .await;
}

#[tokio::test]
async fn a_deleted_cache_folder_is_a_logout_of_all_and_a_sign_in_is_noticed_again() {
    let place = Place::new(&["work"], single_use()).await;
    place.sign_in("work", 50 * MINUTE);
    place
        .play(async {
            place.until("it is fresh", "work", |status| status.state == State::Fresh).await;
            fs::remove_dir_all(place.token_path("work").parent().unwrap()).unwrap();
            place.until("it is signed out", "work", |status| status.state == State::SignedOut).await;
            eventually("the folder is back", async || place.token_path("work").parent().unwrap().is_dir())
                .await;
            place.sign_in("work", 50 * MINUTE);
            place.until("it is taken up", "work", |status| status.state == State::Fresh).await;
        })
        .await;
}

#[tokio::test]
async fn a_second_daemon_is_told_who_runs() {
    let place = Place::new(&["work"], single_use()).await;
    place
        .play(async {
            let error = Box::pin(daemon::run(place.startup(Policy::default()))).await.unwrap_err();
            let expected = format!("already running (process {})", std::process::id());
            assert!(error.to_string().contains(&expected), "{error}");
        })
        .await;
}

#[tokio::test]
async fn what_a_sign_in_or_out_has_just_written_is_what_is_answered() {
    let place = Place::new(&["work"], single_use()).await;
    place
        .play(async {
            for _ in 0..20 {
                let token = place.sign_in("work", 50 * MINUTE);
                let issued = place.client.token(Some("work"), MINUTE).await.unwrap();
                assert_eq!(issued.access_token, token.access_token);
                fs::remove_file(place.token_path("work")).unwrap();
                let error = place.client.token(Some("work"), MINUTE).await.unwrap_err();
                assert!(matches!(&error, Error::Refused(Refusal::SignInNeeded { .. })), "{error}");
                assert_eq!(place.status("work").await.unwrap().state, State::SignedOut);
            }
            assert_eq!(place.exchanges(), 0);
        })
        .await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_for_a_while_ends_no_session() {
    let place = Place::new(&["work"], single_use()).await;
    place.sign_in("work", 50 * MINUTE);
    place
        .play(async {
            place.until("it is fresh", "work", |status| status.state == State::Fresh).await;
            let (path, aside) = (place.token_path("work"), place.token_path("aside"));
            fs::rename(&path, &aside).unwrap();
            fs::create_dir(&path).unwrap();
            let error = place.client.refresh("work").await.unwrap_err();
            assert!(matches!(&error, Error::Refused(Refusal::Temporary { .. })), "{error}");
            let status = place.status("work").await.unwrap();
            assert!(status.last_error.is_some(), "{status:?}");
            fs::remove_dir(&path).unwrap();
            fs::rename(&aside, &path).unwrap();
            place.client.refresh("work").await.unwrap();
            assert_eq!(place.status("work").await.unwrap().last_error, None);
        })
        .await;
}

#[tokio::test]
async fn a_token_that_is_a_hair_too_short_is_answered_and_not_waited_for() {
    let place = Place::new(&["work"], single_use()).await;
    place.sign_in("work", 50 * MINUTE);
    place.simulator.set_faults(faults("CreateToken:delay=1500ms"));
    place
        .play(async {
            let error = place.client.token(None, Duration::from_secs(3599)).await.unwrap_err();
            assert!(matches!(&error, Error::Refused(Refusal::TooLong { .. })), "{error}");
            assert_eq!(place.exchanges(), 1);
        })
        .await;
}

#[tokio::test]
async fn a_link_is_followed_and_stays_one() {
    let place = Place::new(&["work"], single_use()).await;
    place.sign_in("work", MINUTE);
    let (link, target) = (place.token_path("work"), place.token_path("elsewhere").with_extension("real"));
    fs::rename(&link, &target).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    place
        .play(async {
            place.until("it is refreshed", "work", |status| status.refreshed_at.is_some()).await;
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(mode(&target), 0o600);
            fs::remove_file(&target).unwrap();
            place.until("it is signed out", "work", |status| status.state == State::SignedOut).await;
        })
        .await;
}
