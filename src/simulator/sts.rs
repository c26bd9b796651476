//! `GetCallerIdentity` of STS, in the query protocol: what a client calls to see that its credentials work.

use super::{
    state::State,
    wire::{Ask, Reply, sts_error},
};
use crate::time::Timestamp;

/// `POST /`. The signature is not checked; the access key and the session token must be ones that
/// `GetRoleCredentials` gave out and that have not expired.
pub(super) fn caller_identity(state: &mut State, ask: &Ask, now: Timestamp) -> Reply {
    if ask.form().field("Action") != Some("GetCallerIdentity") {
        return error(400, "InvalidAction", "Only GetCallerIdentity is simulated");
    }
    let Some(key) = ask.header("authorization").and_then(access_key_id) else {
        return error(403, "MissingAuthenticationToken", "Request is missing Authentication Token");
    };
    let token = ask.header("x-amz-security-token");
    let Some(given) = state.credentials_of(key, now).filter(|given| token == Some(&given.session_token))
    else {
        return error(403, "InvalidClientTokenId", "The security token included in the request is invalid");
    };
    let (account, role) = (given.account.clone(), given.role.clone());
    Reply::text(
        200,
        "text/xml",
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
             <GetCallerIdentityResult><Arn>arn:aws:sts::{account}:assumed-role/AWSReservedSSO_{role}/user</Arn>\
             <UserId>AROASIMULATED:user</UserId><Account>{account}</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
            state.random.request_id()
        ),
    )
}

fn error(status: u16, code: &'static str, why: &str) -> Reply {
    sts_error(status, code, why).failed(code)
}

/// The access key in an `Authorization` of Signature Version 4.
fn access_key_id(authorization: &str) -> Option<&str> {
    let (_, credential) = authorization.split_once("Credential=")?;
    Some(credential.split_once('/')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_access_key() {
        for (authorization, expected) in [
            ("AWS4-HMAC-SHA256 Credential=ASIAX/20261123/us-east-1/sts/aws4_request, S", Some("ASIAX")),
            ("Bearer x", None),
            ("AWS4-HMAC-SHA256 Credential=ASIAX", None),
        ] {
            assert_eq!(access_key_id(authorization), expected);
        }
    }
}
