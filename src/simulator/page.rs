//! The two pages that a user sees: `/authorize` for a sign-in through the browser, `/device` for a device code.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::{
    exception::{Exception, Refusal},
    state::{
        State,
        consent::{Answer, Authorization},
    },
    wire::{Ask, Reply},
};
use crate::time::Timestamp;

/// `GET /authorize` shows the question, `POST /authorize` takes the answer.
pub(super) fn authorize(state: &mut State, ask: &Ask, now: Timestamp) -> Reply {
    if ask.method == "POST" {
        return answer(state, ask, now);
    }
    let question = match question(state, ask, now) {
        Ok(question) => question,
        // Never a redirect for these: the URI may be anybody's (RFC 6749 §4.1.2.1).
        Err(refusal) => return refused(&refusal),
    };
    if let Err(exception) = check(state, ask, &question, now) {
        let code = exception.code().unwrap_or_default();
        return Reply::redirect(&question.callback("error", code))
            .of(&question.start_url)
            .failed(exception.name());
    }
    let start_url = question.start_url.clone();
    if state.options.auto_approve {
        let code = state.allow(question.clone(), now);
        return Reply::redirect(&question.callback("code", &code)).of(&start_url);
    }
    let name = state.client(&question.client_id, now).map(|client| client.name.clone()).unwrap_or_default();
    let origin = origin(&question.redirect_uri);
    let body = format!(
        "<p><b>{}</b> asks to sign you in at <b>{}</b>, for <code>{}</code>.</p>{}",
        escape(&name),
        escape(&start_url),
        escape(&question.scopes.join(" ")),
        decision("/authorize", "request", &state.ask(question, now)),
    );
    page(200, "Allow access?", &body, &origin).of(&start_url)
}

/// What was asked for, as far as it is certain that the redirect URI is the client's own.
fn question(state: &State, ask: &Ask, now: Timestamp) -> Result<Authorization, Refusal> {
    let client = state.client(ask.query("client_id").unwrap_or_default(), now)?;
    let redirect_uri = ask.query("redirect_uri").unwrap_or_default();
    if !client.may_redirect_to(redirect_uri) {
        return Err(Refusal::new(Exception::InvalidRedirectUri, "The redirect URI is not registered"));
    }
    // AWS's clients write `scopes`; RFC 6749 §4.1.1 has `scope`, which the service doesn't know.
    let scopes = ask.query("scopes").unwrap_or_default();
    Ok(Authorization {
        client_id: client.id.clone(),
        start_url: client.issuer_url.clone().unwrap_or_default(),
        scopes: scopes.split_whitespace().map(str::to_owned).collect(),
        redirect_uri: redirect_uri.to_owned(),
        state: ask.query("state").map(str::to_owned),
        challenge: ask.query("code_challenge").unwrap_or_default().to_owned(),
    })
}

fn check(state: &State, ask: &Ask, question: &Authorization, now: Timestamp) -> Result<(), Exception> {
    let s256 = ask.query("code_challenge_method") == Some("S256");
    if ask.query("response_type") != Some("code") || !s256 || question.challenge.is_empty() {
        return Err(Exception::InvalidRequest);
    }
    let client = state.client(&question.client_id, now).map_err(|refusal| refusal.exception)?;
    if !question.scopes.iter().all(|scope| client.scopes.contains(scope)) {
        return Err(Exception::InvalidScope);
    }
    Ok(())
}

fn answer(state: &mut State, ask: &Ask, now: Timestamp) -> Reply {
    let form = ask.form();
    let Some(question) = state.answer(form.field("request").unwrap_or_default(), now) else {
        return refused(&Refusal::request("This question was answered already or is too old"));
    };
    let start_url = question.start_url.clone();
    if form.field("decision") != Some("approve") {
        let reply = Reply::redirect(&question.callback("error", "access_denied"));
        return reply.of(&start_url).failed(Exception::AccessDenied.name());
    }
    let code = state.allow(question.clone(), now);
    Reply::redirect(&question.callback("code", &code)).of(&start_url)
}

/// `GET /device` shows the code, or asks for it; `POST /device` takes the decision.
pub(super) fn device(state: &mut State, ask: &Ask, now: Timestamp) -> Reply {
    let form = ask.form();
    let posted = ask.method == "POST";
    let user_code = if posted { form.field("user_code") } else { ask.query("user_code") };
    let Some(user_code) = user_code.filter(|code| !code.is_empty()) else {
        let body = "<form method=get action=/device><label>Code <input name=user_code autofocus \
                    autocomplete=off></label> <button>Next</button></form>";
        return page(200, "Enter the code on your device", body, "");
    };
    let Some(device) = state.device(user_code, now).cloned() else {
        return refused(&Refusal::request("No such code, or it has expired"));
    };
    if posted && device.answer == Answer::Nothing {
        state.decide(user_code, form.field("decision") == Some("approve"), now);
    }
    let answer = state.device(user_code, now).map_or(device.answer, |device| device.answer);
    let reply = match answer {
        Answer::Yes(_) => page(200, "Approved", "<p>You can close this window.</p>", ""),
        Answer::No => page(200, "Denied", "<p>You can close this window.</p>", ""),
        Answer::Nothing => {
            let client = state.client(&device.client_id, now);
            let name = client.map(|client| client.name.clone()).unwrap_or_default();
            let body = format!(
                "<p><b>{}</b> asks to sign you in at <b>{}</b>.</p><p>Does your device show this code?</p>\
                 <p class=code>{}</p>{}",
                escape(&name),
                escape(&device.start_url),
                escape(&device.user_code),
                decision("/device", "user_code", &device.user_code),
            );
            page(200, "Allow access?", &body, "")
        }
    };
    reply.of(&device.start_url)
}

fn refused(refusal: &Refusal) -> Reply {
    let body = format!("<p>{} ({}).</p>", escape(refusal.why), refusal.exception.name());
    page(400, "This can't be done", &body, "").failed(refusal.exception.name())
}

fn decision(action: &str, name: &str, value: &str) -> String {
    format!(
        "<form method=post action=\"{action}\"><input type=hidden name=\"{name}\" value=\"{}\">\
         <button name=decision value=approve>Approve</button> <button name=decision value=deny>Deny</button></form>",
        escape(value)
    )
}

const STYLE: &str = ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:4em auto;padding:0 1em}\
    button{font:inherit;padding:.3em 1.2em}.code{font:2em monospace}small{opacity:.8}";

/// A page of its own: nothing is loaded, no script runs, nobody may frame it. `target` is the origin that its
/// form may be redirected to, since browsers apply `form-action` to that too.
fn page(status: u16, title: &str, body: &str, target: &str) -> Reply {
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>\
         <h1>{title}</h1>{body}<p><small>A simulated Identity Center. Nothing here is AWS's.</small></p></html>"
    );
    let style = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; form-action 'self' {target}; frame-ancestors 'none'; \
         base-uri 'none'"
    );
    Reply::text(status, "text/html; charset=utf-8", html)
        .with("content-security-policy", &policy)
        .with("cache-control", "no-store")
        .with("referrer-policy", "no-referrer")
        .with("x-content-type-options", "nosniff")
}

fn origin(uri: &str) -> String {
    reqwest::Url::parse(uri).map(|url| url.origin().ascii_serialization()).unwrap_or_default()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_texts_of_others_as_text() {
        assert_eq!(escape(r#"<a href="x">&"#), "&lt;a href=&quot;x&quot;&gt;&amp;");
        assert_eq!(origin("http://127.0.0.1:43210/oauth/callback"), "http://127.0.0.1:43210");
    }
}
