//! `/admin/…`: the simulator in the hands of a test that runs in another process.
//!
//! | request | does |
//! |---|---|
//! | `POST /admin/faults` | sets the faults in the body, a line each, instead of those there were |
//! | `POST /admin/approve?user_code=…`, `/admin/deny?user_code=…` | decides on a device code |
//! | `POST /admin/end-session?start_url=…` | ends every session of that start URL |
//! | `POST /admin/sign-in?start_url=…&scopes=…&region=…` | signs in; the token as the AWS CLI writes it to its file |
//! | `GET /admin/calls` | every call so far |

use serde_json::{Value, json};

use super::{
    SignedIn, Simulator,
    fault::Fault,
    wire::{Ask, Reply},
};

/// Answers a request to `/admin/…`; `None` where there is nothing of that name.
pub(super) fn answer(simulator: &Simulator, ask: &Ask) -> Option<Reply> {
    if ask.header("origin").is_some() {
        // A page of any site could post here; a test never has an origin.
        return Some(problem(403, "Not for browsers"));
    }
    let query = |name| ask.query(name).ok_or_else(|| problem(400, &format!("{name} is missing")));
    let reply = match (ask.method.as_str(), ask.path.as_str()) {
        ("POST", "/admin/faults") => faults(simulator, ask),
        ("POST", "/admin/approve") => query("user_code").map(|code| decided(simulator.approve(code))),
        ("POST", "/admin/deny") => query("user_code").map(|code| decided(simulator.deny(code))),
        ("POST", "/admin/end-session") => query("start_url").map(|start_url| {
            simulator.end_session(start_url);
            done()
        }),
        ("POST", "/admin/sign-in") => query("start_url").map(|start_url| {
            let scopes: Vec<_> = ask.query("scopes").unwrap_or(DEFAULT_SCOPE).split([',', ' ']).collect();
            let scopes: Vec<_> = scopes.into_iter().filter(|scope| !scope.is_empty()).collect();
            let signed_in = simulator.sign_in(start_url, &scopes);
            Reply::json(&token_file(&signed_in, ask.query("region").unwrap_or("us-east-1")))
        }),
        ("GET", "/admin/calls") => Ok(Reply::json(&json!(simulator.calls()))),
        _ => return None,
    };
    Some(reply.unwrap_or_else(|problem| problem))
}

/// The scope of a sign-in for which none is given, as the AWS CLI has it.
const DEFAULT_SCOPE: &str = "sso:account:access";

fn faults(simulator: &Simulator, ask: &Ask) -> Result<Reply, Reply> {
    let text = std::str::from_utf8(&ask.body).map_err(|_| problem(400, "The body is not UTF-8"))?;
    simulator.set_faults(Fault::parse_lines(text).map_err(|error| problem(400, &error.to_string()))?);
    Ok(done())
}

/// The members and forms of a token file as AWS CLI v2 writes it.
fn token_file(SignedIn { token, start_url }: &SignedIn, region: &str) -> Value {
    let mut file = json!({
        "startUrl": start_url,
        "region": region,
        "accessToken": token.access_token.expose(),
        "expiresAt": token.expires_at,
    });
    if let Some(registration) = &token.registration {
        file["clientId"] = json!(registration.client_id);
        file["clientSecret"] = json!(registration.client_secret.expose());
        file["registrationExpiresAt"] = json!(registration.expires_at);
    }
    if let Some(refresh_token) = &token.refresh_token {
        file["refreshToken"] = json!(refresh_token.expose());
    }
    file
}

fn decided(found: bool) -> Reply {
    if found { done() } else { problem(404, "No such code waits for a decision") }
}

fn done() -> Reply {
    Reply::json(&json!({}))
}

fn problem(status: u16, message: &str) -> Reply {
    Reply::text(status, "text/plain; charset=utf-8", format!("{message}\n"))
}
