//! Role credentials from the daemon: one call for all who ask, and what becomes of them when AWS fails, when a token is
//! dead, when the role is wrong, and when the session ends.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use sso_refresh::{
    api::{Refusal, Wanted, client::Error},
    session::{
        role::{Role, RoleCredentials},
        status::State,
        token::{Secret, Token},
    },
    simulator::{Operation, Options},
    time::Clock,
};

use crate::{
    HOUR, MINUTE, faults,
    place::{Place, eventually},
    single_use,
};

const SECOND: Duration = Duration::from_secs(1);

const PROFILES: &str = "
[profile dev]
sso_session = work
sso_account_id = 012345678901
sso_role_name = Developer
[profile wrong]
sso_session = work
sso_account_id = 012345678901
sso_role_name = Nobody
";

/// A place with these profiles, signed in for 50 minutes.
async fn place(options: Options) -> Place {
    let place = Place::new(&["work"], options).await;
    place.write_aws_config_with(&["work"], PROFILES);
    place.sign_in("work", 50 * MINUTE);
    place
}

fn calls(place: &Place) -> usize {
    place.simulator.count(Operation::GetRoleCredentials)
}

async fn ask(place: &Place, profile: &str) -> Result<RoleCredentials, Error> {
    place.client.credentials(&Wanted::Profile(profile.into()), None).await
}

/// Whatever the daemon refused.
fn refusal(result: Result<RoleCredentials, Error>) -> Refusal {
    let Error::Refused(refusal) = result.unwrap_err() else { unreachable!("the daemon answers") };
    refusal
}

#[tokio::test]
async fn many_who_ask_get_the_same_for_one_call() {
    let latency = Duration::from_millis(100);
    let place = place(Options { latency, ..single_use() }).await;
    let role = Role { session: "work".into(), account: "012345678901".into(), name: "Developer".into() };
    let wanted = [Wanted::Profile("dev".into()), Wanted::Role(role)];
    place
        .play(async {
            let asking = (0..32).map(|number| place.client.credentials(&wanted[number % 2], None));
            let all: Vec<_> = join_all(asking).await.into_iter().map(Result::unwrap).collect();
            assert!(all.iter().all(|given| *given == all[0]));
            assert_eq!((calls(&place), all[0].account.as_str()), (1, "012345678901"));
            assert!(all[0].left(Clock::system().now()) > 59 * MINUTE);
            assert_eq!(ask(&place, "dev").await.unwrap(), all[0]);
            let longer = place.client.credentials(&wanted[0], Some(2 * HOUR)).await;
            assert!(matches!(refusal(longer), Refusal::TooLong { .. }));
            assert_eq!((calls(&place), place.exchanges()), (1, 0));
        })
        .await;
}

#[tokio::test]
async fn a_token_that_is_dead_before_its_time_is_refreshed_once() {
    let place = place(single_use()).await;
    let dead = Token { access_token: Secret::new("unknown-to-aws"), ..place.sign_in("work", 50 * MINUTE) };
    place.write_token("work", &dead, 50 * MINUTE);
    place.simulator.set_faults(faults("GetRoleCredentials:delay=300ms"));
    place
        .play(async {
            // Three roles at once find the same token dead.
            let roles =
                [("012345678901", "Developer"), ("012345678901", "ReadOnly"), ("210987654321", "ReadOnly")];
            let wanted = roles.map(|(account, name)| {
                Wanted::Role(Role { session: "work".into(), account: account.into(), name: name.into() })
            });
            let all = join_all(wanted.iter().map(|wanted| place.client.credentials(wanted, None))).await;
            assert!(all.iter().all(Result::is_ok), "{all:?}");
            assert_eq!(place.exchanges(), 1);
            // The later ones may have had the new token from the start.
            assert!((4..=6).contains(&calls(&place)), "{}", calls(&place));
            assert_eq!(place.status("work").await.unwrap().state, State::Fresh);
        })
        .await;
}

#[tokio::test]
async fn a_token_that_stays_dead_needs_a_sign_in_and_a_sign_in_helps() {
    let place = place(single_use()).await;
    place.simulator.set_faults(faults("GetRoleCredentials:UnauthorizedException"));
    place
        .play(async {
            let refused = refusal(ask(&place, "dev").await);
            assert!(
                matches!(&refused, Refusal::SignInNeeded { session, .. } if session == "work"),
                "{refused}"
            );
            assert!(refused.to_string().contains("sso-refresh login work"), "{refused}");
            assert_eq!((calls(&place), place.exchanges()), (2, 1));
            // Another role finds the same, and AWS is asked for no other token so soon.
            let refused = refusal(ask(&place, "wrong").await);
            assert!(matches!(&refused, Refusal::SignInNeeded { .. }), "{refused}");
            assert_eq!(place.exchanges(), 1);
            place.simulator.set_faults(Vec::new());
            place.sign_in("work", 50 * MINUTE);
            ask(&place, "dev").await.unwrap();
        })
        .await;
}

#[tokio::test]
async fn a_session_that_has_ended_is_told_after_one_call() {
    let place = place(single_use()).await;
    place.simulator.end_session(&Place::start_url("work"));
    place
        .play(async {
            let refused = refusal(ask(&place, "dev").await);
            assert!(matches!(&refused, Refusal::SignInNeeded { .. }), "{refused}");
            assert_eq!((calls(&place), place.exchanges()), (1, 2), "the refusal was confirmed");
            assert_eq!(place.status("work").await.unwrap().state, State::LoginRequired);
        })
        .await;
}

#[tokio::test]
async fn a_wrong_role_is_told_as_that_and_costs_the_session_nothing() {
    let place = place(single_use()).await;
    place
        .play(async {
            let refused = refusal(ask(&place, "wrong").await);
            let said = refused.to_string();
            assert!(matches!(&refused, Refusal::NoAccess { .. }), "{refused:?}");
            assert!(
                said.contains("`Nobody`") && said.contains("No access") && said.contains("sso-refresh roles"),
                "{said}"
            );
            assert_eq!((calls(&place), place.exchanges()), (1, 0));
            assert_eq!(place.status("work").await.unwrap().state, State::Fresh);
            ask(&place, "dev").await.unwrap();
            let unknown = refusal(ask(&place, "dve").await);
            assert!(matches!(&unknown, Refusal::UnknownProfile { .. }), "{unknown:?}");
        })
        .await;
}

#[tokio::test]
async fn a_renewal_that_fails_takes_nothing_away() {
    // Renewed when half of that is over.
    let life = Duration::from_secs(24);
    let place = place(Options { role_life: life, ..single_use() }).await;
    place
        .play(async {
            let first = ask(&place, "dev").await.unwrap();
            place.simulator.set_faults(faults("GetRoleCredentials:status=503"));
            eventually("a renewal fails", async || calls(&place) > 1).await;
            assert_eq!(ask(&place, "dev").await.unwrap(), first);
            place.simulator.set_faults(Vec::new());
            eventually("they are renewed", async || {
                ask(&place, "dev").await.is_ok_and(|given| given.expires_at > first.expires_at)
            })
            .await;
            assert_eq!(place.exchanges(), 0);
        })
        .await;
}

#[tokio::test]
async fn nobody_notices_that_aws_is_away_while_they_are_good() {
    let place = place(single_use()).await;
    place
        .play(async {
            let first = ask(&place, "dev").await.unwrap();
            place.simulator.set_faults(faults("*:drop"));
            for _ in 0..20 {
                assert_eq!(ask(&place, "dev").await.unwrap(), first);
            }
            let refused = refusal(ask(&place, "wrong").await);
            assert!(matches!(&refused, Refusal::Temporary { retry_after: Some(_), .. }), "{refused:?}");
            assert_eq!(ask(&place, "dev").await.unwrap(), first);
        })
        .await;
}

#[tokio::test]
async fn who_signs_out_leaves_no_credentials_behind() {
    let place = place(single_use()).await;
    place
        .play(async {
            let first = ask(&place, "dev").await.unwrap();
            fs::remove_file(place.token_path("work")).unwrap();
            let refused = refusal(ask(&place, "dev").await);
            assert!(matches!(&refused, Refusal::SignInNeeded { .. }), "{refused:?}");
            place.sign_in("work", 50 * MINUTE);
            assert_ne!(ask(&place, "dev").await.unwrap(), first);
            assert_eq!(calls(&place), 2);
        })
        .await;
}

#[tokio::test]
async fn who_signs_in_as_another_gets_nothing_of_the_user_before() {
    let place = place(single_use()).await;
    place
        .play(async {
            let first = ask(&place, "dev").await.unwrap();
            place.sign_in("work", 50 * MINUTE);
            assert_ne!(ask(&place, "dev").await.unwrap(), first);
            assert_eq!((calls(&place), place.exchanges()), (2, 0));
        })
        .await;
}

#[tokio::test]
async fn a_reload_drops_what_changed_and_only_that() {
    let place = place(single_use()).await;
    place
        .play(async {
            let first = ask(&place, "dev").await.unwrap();
            place.write_aws_config_with(&["work", "home"], PROFILES);
            place.client.reload().await.unwrap().unwrap();
            assert_eq!((ask(&place, "dev").await.unwrap(), calls(&place)), (first, 1));
            place.write_aws_config_with(&["work"], &PROFILES.replace("Developer", "ReadOnly"));
            place.client.reload().await.unwrap().unwrap();
            ask(&place, "dev").await.unwrap();
            place.write_aws_config_with(&["work"], PROFILES);
            place.client.reload().await.unwrap().unwrap();
            ask(&place, "dev").await.unwrap();
            assert_eq!(calls(&place), 3);
        })
        .await;
}

#[tokio::test]
async fn tokens_that_never_live_for_a_minute_are_good_for_them_too() {
    let place = Place::new(&["work"], Options { token_life: 40 * SECOND, ..single_use() }).await;
    place.write_aws_config_with(&["work"], PROFILES);
    place.sign_in("work", 40 * SECOND);
    place
        .play(async {
            ask(&place, "dev").await.unwrap();
            assert_eq!(calls(&place), 1);
        })
        .await;
}

#[tokio::test]
async fn a_file_that_is_written_again_with_the_same_access_token_drops_nothing() {
    let place = Place::new(&["work"], single_use()).await;
    place.write_aws_config_with(&["work"], PROFILES);
    let token = place.sign_in("work", 50 * MINUTE);
    place
        .play(async {
            let first = ask(&place, "dev").await.unwrap();
            let same = Token { refresh_token: Some(Secret::new("another")), ..token };
            let before = Clock::system().now().after(45 * MINUTE);
            let ends_before = |status: &sso_refresh::session::status::Status| {
                status.expires_at.is_some_and(|at| at < before)
            };
            place.write_token("work", &same, 40 * MINUTE);
            place.until("it is taken up", "work", ends_before).await;
            assert_eq!(ask(&place, "dev").await.unwrap(), first);
            assert_eq!(calls(&place), 1);
        })
        .await;
}
