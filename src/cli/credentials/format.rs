//! [`Format`]: role credentials as programs and shells read them. Every value is quoted, so that whatever AWS sends stays
//! a value.

use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    api::VERSION,
    session::{role::RoleCredentials, token::Secret},
    time::Timestamp,
};

/// `--format`
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For `credential_process` in the AWS config file
    Process,
    /// For sh, bash and zsh: eval "$(sso-refresh credentials … --format env)"
    Env,
    /// For fish: sso-refresh credentials … --format fish | source
    Fish,
    /// For powershell: sso-refresh credentials … --format powershell | Out-String | Invoke-Expression
    Powershell,
    /// A JSON object for scripts
    Json,
}

/// What the AWS CLI and SDKs run and read (`Version` is a number).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Process<'a> {
    version: u32,
    access_key_id: &'a str,
    #[serde(serialize_with = "Secret::reveal")]
    secret_access_key: &'a Secret,
    #[serde(serialize_with = "Secret::reveal")]
    session_token: &'a Secret,
    expiration: Timestamp,
    account_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Json<'a> {
    version: u32,
    account_id: &'a str,
    access_key_id: &'a str,
    #[serde(serialize_with = "Secret::reveal")]
    secret_access_key: &'a Secret,
    #[serde(serialize_with = "Secret::reveal")]
    session_token: &'a Secret,
    expires_at: Timestamp,
    expires_in: u64,
}

impl Format {
    /// `credentials` in this format, at `now`, with a line end.
    pub(super) fn text(self, credentials: &RoleCredentials, now: Timestamp) -> Zeroizing<String> {
        let RoleCredentials { account, access_key_id, secret_access_key, session_token, expires_at } =
            credentials;
        match self {
            Self::Process => json(&Process {
                version: 1,
                access_key_id,
                secret_access_key,
                session_token,
                expiration: *expires_at,
                account_id: account,
            }),
            Self::Json => json(&Json {
                version: VERSION,
                account_id: account,
                access_key_id,
                secret_access_key,
                session_token,
                expires_at: *expires_at,
                expires_in: credentials.left(now).as_secs(),
            }),
            Self::Env => variables(credentials, "export ", "=", quoted_for_sh),
            Self::Fish => variables(credentials, "set -gx ", " ", quoted_for_fish),
            Self::Powershell => variables(credentials, "$Env:", " = ", quoted_for_powershell),
        }
    }
}

/// Room enough that no secret is left behind by a reallocation: of a secret each character may become several.
const ROOM: usize = 32 * 1024;

fn json(object: &impl Serialize) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(ROOM));
    // Nothing in it can fail to be written as JSON.
    let _ = serde_json::to_writer(&mut *bytes, object);
    bytes.push(b'\n');
    Zeroizing::new(String::from_utf8(std::mem::take(&mut *bytes)).unwrap_or_default())
}

/// A line for each variable that the AWS CLI and SDKs read.
fn variables(
    credentials: &RoleCredentials,
    before: &str,
    between: &str,
    quoted: fn(&str, &mut String),
) -> Zeroizing<String> {
    let expires_at = credentials.expires_at.to_string();
    let mut text = Zeroizing::new(String::with_capacity(ROOM));
    for (name, value) in [
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.expose()),
        ("AWS_SESSION_TOKEN", credentials.session_token.expose()),
        ("AWS_CREDENTIAL_EXPIRATION", &expires_at),
    ] {
        text.extend([before, name, between]);
        quoted(value, &mut text);
        text.push('\n');
    }
    text
}

/// In single quotes nothing is special but their end.
pub(super) fn quoted_for_sh(value: &str, text: &mut String) {
    quoted(value, text, |character| (character == '\'').then_some(r"'\''"));
}

/// In single quotes a backslash is special before itself and before a quote.
fn quoted_for_fish(value: &str, text: &mut String) {
    quoted(value, text, |character| match character {
        '\'' => Some(r"\'"),
        '\\' => Some(r"\\"),
        _ => None,
    });
}

/// In single quotes nothing is special but their end, which is written twice; typographic ones count as well.
fn quoted_for_powershell(value: &str, text: &mut String) {
    quoted(value, text, |character| match character {
        '\'' => Some("''"),
        '\u{2018}' => Some("\u{2018}\u{2018}"),
        '\u{2019}' => Some("\u{2019}\u{2019}"),
        '\u{201a}' => Some("\u{201a}\u{201a}"),
        '\u{201b}' => Some("\u{201b}\u{201b}"),
        _ => None,
    });
}

fn quoted(value: &str, text: &mut String, escaped: fn(char) -> Option<&'static str>) {
    text.push('\'');
    for character in value.chars() {
        match escaped(character) {
            Some(escape) => text.push_str(escape),
            None => text.push(character),
        }
    }
    text.push('\'');
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_798_761_600);
    const NASTY: &str = "a'b\\c\"d$(e)`f`\u{2019}g\\' h!#;&\n%i'";

    fn credentials(secret: &str) -> RoleCredentials {
        RoleCredentials {
            account: "012345678901".into(),
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: Secret::new(secret),
            session_token: Secret::new("token=="),
            expires_at: NOW.after(std::time::Duration::from_millis(3_600_999)),
        }
    }

    #[test]
    fn each_format_is_what_its_reader_wants() {
        let text = |format: Format| format.text(&credentials("s/e'c"), NOW).to_string();
        assert_eq!(
            text(Format::Process),
            "{\"Version\":1,\"AccessKeyId\":\"ASIAEXAMPLE\",\"SecretAccessKey\":\"s/e'c\",\"SessionToken\":\"token==\",\
             \"Expiration\":\"2027-01-01T01:00:00Z\",\"AccountId\":\"012345678901\"}\n"
        );
        assert_eq!(
            text(Format::Json),
            "{\"version\":1,\"accountId\":\"012345678901\",\"accessKeyId\":\"ASIAEXAMPLE\",\"secretAccessKey\":\"s/e'c\",\
             \"sessionToken\":\"token==\",\"expiresAt\":\"2027-01-01T01:00:00Z\",\"expiresIn\":3600}\n"
        );
        insta::assert_snapshot!(text(Format::Env), @r"
        export AWS_ACCESS_KEY_ID='ASIAEXAMPLE'
        export AWS_SECRET_ACCESS_KEY='s/e'\''c'
        export AWS_SESSION_TOKEN='token=='
        export AWS_CREDENTIAL_EXPIRATION='2027-01-01T01:00:00Z'
        ");
        insta::assert_snapshot!(text(Format::Fish), @r"
        set -gx AWS_ACCESS_KEY_ID 'ASIAEXAMPLE'
        set -gx AWS_SECRET_ACCESS_KEY 's/e\'c'
        set -gx AWS_SESSION_TOKEN 'token=='
        set -gx AWS_CREDENTIAL_EXPIRATION '2027-01-01T01:00:00Z'
        ");
        insta::assert_snapshot!(text(Format::Powershell), @r"
        $Env:AWS_ACCESS_KEY_ID = 'ASIAEXAMPLE'
        $Env:AWS_SECRET_ACCESS_KEY = 's/e''c'
        $Env:AWS_SESSION_TOKEN = 'token=='
        $Env:AWS_CREDENTIAL_EXPIRATION = '2027-01-01T01:00:00Z'
        ");
    }

    #[test]
    fn nothing_gets_out_of_its_quotes() {
        let script = format!(
            "{}printf %s \"$AWS_SECRET_ACCESS_KEY\"",
            Format::Env.text(&credentials(NASTY), NOW).as_str()
        );
        let ran = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), NASTY);
        let quote = |quoted: fn(&str, &mut String)| {
            let mut text = String::new();
            quoted("'\\' \u{2018}$x", &mut text);
            text
        };
        assert_eq!(quote(quoted_for_fish), "'\\'\\\\\\' \u{2018}$x'");
        assert_eq!(quote(quoted_for_powershell), "'''\\'' \u{2018}\u{2018}$x'");
    }
}
