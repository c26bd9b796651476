//! Merges the two definitions that a session can have.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use toml::Spanned;

use super::{
    super::{
        Error, SessionSettings,
        aws::{AwsConfig, Located, SsoSession, header::portable_name},
        explained::Explained,
        file::SessionTable,
        nearest::nearest,
        region, url,
    },
    Merge, REFRESH_BEFORE,
};

/// When this is left, botocore's clients refresh by themselves.
const RIVALS_MARGIN: Duration = Duration::from_secs(15 * 60);

/// What a session may do where nothing says otherwise: what the AWS CLI asks for.
const DEFAULT_SCOPE: &str = "sso:account:access";

/// Where a value was found.
#[derive(Clone)]
enum Origin {
    /// In `config.toml`: a mistake there is an error.
    File(Range<usize>),
    /// In the AWS config file: a mistake there costs the session.
    Aws(String),
    /// In an environment variable.
    Variable(&'static str),
    Default,
}

/// Why a definition is no use.
enum Refusal {
    /// The session is left out, with a warning.
    Skip(String),
    /// The whole configuration is refused.
    Fail(Error),
}

/// A session's definitions: at least one is there.
struct Definition<'a> {
    name: &'a str,
    /// Those of the AWS config file that are taken up.
    imported: &'a BTreeMap<&'a str, &'a SsoSession>,
    aws: Option<&'a SsoSession>,
    table: Option<&'a Spanned<SessionTable>>,
}

/// A key may be there and spelled otherwise, or stand below a name that is.
fn missing(definition: &Definition<'_>, key: &str) -> String {
    let Definition { name, imported, aws, .. } = *definition;
    if aws.is_some() {
        return format!(
            "`sso_{key}` is missing: add it below, or correct the spelling of the one that is there"
        );
    }
    match nearest(name, imported.keys().copied()) {
        Some(meant) => format!("`{key}` is missing: add it, or did you mean [session.{meant}]?"),
        None => format!("`{key}` is missing: add it"),
    }
}

impl Merge<'_> {
    pub(super) fn sessions(&mut self, aws: &AwsConfig) -> Result<BTreeMap<String, SessionSettings>, Error> {
        let import = self.file.import_aws_config.as_ref();
        let imports = import.is_none_or(|import| *import.get_ref());
        self.explained.push(Explained::new("import_aws_config", imports, self.origin(import)));
        let excluded = self.excluded().join(", ");
        self.explained.push(Explained::new("exclude", excluded, self.origin(self.file.exclude.as_ref())));

        let imported: BTreeMap<&str, &SsoSession> = aws
            .sessions
            .iter()
            .map(|session| (session.name.as_str(), session))
            .filter(|(name, _)| self.imports(name))
            .collect();
        let file = self.file;
        let names: BTreeSet<&str> =
            imported.keys().copied().chain(file.session.keys().map(String::as_str)).collect();
        // A map that is made of them all at once has no room to spare.
        let mut sessions = Vec::new();
        for name in names {
            let (aws, table) = (imported.get(name).copied(), file.session.get(name));
            let definition = Definition { name, imported: &imported, aws, table };
            let said = self.explained.len();
            match self.session(&definition) {
                Ok(session) => {
                    sessions.push((name.to_owned(), session));
                }
                Err(Refusal::Fail(error)) => return Err(error),
                Err(Refusal::Skip(warning)) => {
                    self.explained.truncate(said);
                    self.left_out.insert(name.to_owned(), warning.clone());
                    self.warnings.push(warning);
                }
            }
        }
        Ok(sessions.into_iter().collect())
    }

    fn session(&mut self, definition: &Definition<'_>) -> Result<SessionSettings, Refusal> {
        let Definition { name, aws, table, .. } = *definition;
        let written = table.map(Spanned::get_ref);
        let own = |field: fn(&SessionTable) -> &Option<Spanned<String>>| {
            written.and_then(|table| field(table).as_ref())
        };
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(self.refuse(
                definition,
                None,
                "a session's name must be a text without control characters",
            ));
        }
        let start_url = self.value(
            definition,
            "start_url",
            own(|table| &table.start_url),
            aws.and_then(|aws| aws.start_url.as_ref()),
            url::start_url,
        )?;
        let region = self.value(
            definition,
            "region",
            own(|table| &table.region),
            aws.and_then(|aws| aws.region.as_ref()),
            region::check,
        )?;
        let missing = |key| Err(self.refuse(definition, None, &missing(definition, key)));
        // One without a start URL can be kept fresh; in the AWS config file every AWS program would reject it.
        if start_url.is_none() && table.is_none() {
            return missing("start_url");
        }
        let Some((region, region_origin)) = region else { return missing("region") };
        let start_url = start_url.map(|(start_url, _)| start_url);
        if let Some(doubt) = region::doubt(&region) {
            self.warnings.push(format!("{region_origin}: session `{name}`: {doubt}"));
        }
        self.check_store(own(|table| &table.store))?;
        let endpoint = own(|table| &table.endpoint);
        let oidc = aws.and_then(|aws| aws.oidc_endpoint.as_ref());
        let portal = aws.and_then(|aws| aws.portal_endpoint.as_ref());
        let settings = SessionSettings {
            name: name.to_owned(),
            start_url,
            region,
            scopes: self.scopes(definition),
            refresh_before: self.refresh_before(name, written),
            session_duration: self.session_duration(name, written),
            oidc_endpoint: self.endpoint(
                definition,
                "oidc_endpoint",
                endpoint,
                "AWS_ENDPOINT_URL_SSO_OIDC",
                oidc,
            )?,
            portal_endpoint: self.endpoint(
                definition,
                "portal_endpoint",
                endpoint,
                "AWS_ENDPOINT_URL_SSO",
                portal,
            )?,
            use_fips: self.switch(
                name,
                "use_fips",
                "AWS_USE_FIPS_ENDPOINT",
                aws.and_then(|aws| aws.use_fips.as_ref()),
            ),
            use_dual_stack: self.switch(
                name,
                "use_dual_stack",
                "AWS_USE_DUALSTACK_ENDPOINT",
                aws.and_then(|aws| aws.use_dual_stack.as_ref()),
            ),
            origin: self.session_origin(definition),
        };
        if settings.start_url.is_none() {
            self.warnings.push(format!(
                "{}: session `{name}` has no start URL: it is kept fresh, and a sign-in needs one; set `start_url`",
                settings.origin
            ));
        }
        // A name of the AWS config file was judged where it was read.
        if aws.is_none() && !portable_name(name) {
            self.warnings.push(format!(
                "{}: the session name `{name}` has characters other than letters, digits and `_-/.%@:+`, which \
                 no AWS SDK but botocore finds in its config file",
                settings.origin
            ));
        }
        Ok(settings)
    }

    /// A value that passes `check`, and where it comes from; none where there is no value.
    fn value(
        &mut self,
        definition: &Definition<'_>,
        key: &str,
        own: Option<&Spanned<String>>,
        aws: Option<&Located>,
        check: fn(&str) -> Result<(), &'static str>,
    ) -> Result<Option<(String, String)>, Refusal> {
        let found = own
            .map(|own| (own.get_ref(), Origin::File(own.span())))
            .or_else(|| aws.map(|aws| (&aws.value, Origin::Aws(aws.origin()))));
        let Some((value, origin)) = found else {
            self.explained.push(Explained::unset(format!("session.{}.{key}", definition.name)));
            return Ok(None);
        };
        check(value).map_err(|message| self.refuse(definition, Some(&origin), message))?;
        self.explain(definition.name, key, value, &origin);
        Ok(Some((value.clone(), self.words(&origin))))
    }

    fn endpoint(
        &mut self,
        definition: &Definition<'_>,
        key: &str,
        own: Option<&Spanned<String>>,
        variable: &'static str,
        aws: Option<&Located>,
    ) -> Result<Option<String>, Refusal> {
        let ignored = self.ignores_endpoints();
        let of_variable = || self.env.get(variable).map(|value| (value, Origin::Variable(variable)));
        let of_aws = || aws.map(|aws| (aws.value.as_str(), Origin::Aws(aws.origin())));
        let found = own
            .map(|own| (own.get_ref().as_str(), Origin::File(own.span())))
            .or_else(|| of_variable().or_else(of_aws).filter(|_| !ignored));
        let Some((value, origin)) = found else {
            self.explained.push(Explained::unset(format!("session.{}.{key}", definition.name)));
            return Ok(None);
        };
        let endpoint =
            url::endpoint(value).map_err(|message| self.refuse(definition, Some(&origin), message))?;
        self.explain(definition.name, key, &endpoint, &origin);
        Ok(Some(endpoint))
    }

    fn check_store(&self, store: Option<&Spanned<String>>) -> Result<(), Refusal> {
        let message = match store.map(|store| store.get_ref().as_str()) {
            None | Some("file") => return Ok(()),
            Some("keyring") => {
                "`store = \"keyring\"` is not available in this version; write \"file\", or delete the key"
            }
            Some(_) => "`store` must be \"file\": write that, or delete the key",
        };
        Err(Refusal::Fail(self.error(store.map(Spanned::span).unwrap_or_default(), message)))
    }

    fn scopes(&mut self, definition: &Definition<'_>) -> Vec<String> {
        let own = definition.table.and_then(|table| table.get_ref().scopes.as_ref());
        let aws = definition.aws.and_then(|aws| aws.scopes.as_ref());
        let (scopes, origin) = own
            .map(|own| (own.get_ref().clone(), Origin::File(own.span())))
            .or_else(|| aws.map(|aws| (aws.value.clone(), Origin::Aws(aws.origin()))))
            .filter(|(scopes, _)| !scopes.is_empty())
            .unwrap_or_else(|| (vec![DEFAULT_SCOPE.to_owned()], Origin::Default));
        self.explain(definition.name, "scopes", &scopes.join(", "), &origin);
        scopes
    }

    fn refresh_before(&mut self, name: &str, table: Option<&SessionTable>) -> Duration {
        let own = table.and_then(|table| table.refresh_before.as_ref());
        let key = format!("session.{name}.refresh_before");
        let written = own.or(self.file.refresh_before.as_ref());
        let margin = self.duration(&key, written, REFRESH_BEFORE);
        if margin <= RIVALS_MARGIN {
            let warning = format!(
                "{}: the AWS CLI and boto3 refresh by themselves when 15 minutes are left: with `refresh_before` at \
                 {} they race for the refresh token; use \"20m\" or more",
                self.origin(written),
                humantime::format_duration(margin)
            );
            self.warn_once(warning);
        }
        margin
    }

    fn session_duration(&mut self, name: &str, table: Option<&SessionTable>) -> Option<Duration> {
        let key = format!("session.{name}.session_duration");
        let Some(own) = table.and_then(|table| table.session_duration.as_ref()) else {
            self.explained.push(Explained::unset(key));
            return None;
        };
        Some(self.duration(&key, Some(own), own.get_ref().0))
    }

    /// A switch that a variable, or else a profile, turns on.
    fn switch(&mut self, name: &str, key: &str, variable: &'static str, aws: Option<&Located>) -> bool {
        let (value, origin) = self
            .env
            .get(variable)
            .map(|value| (value, Origin::Variable(variable)))
            .or_else(|| aws.map(|aws| (aws.value.as_str(), Origin::Aws(aws.origin()))))
            .unwrap_or(("false", Origin::Default));
        let on = value.trim().eq_ignore_ascii_case("true");
        if !on && !value.trim().eq_ignore_ascii_case("false") {
            let warning =
                format!("{}: `{value}` is neither true nor false and counts as false", self.words(&origin));
            self.warn_once(warning);
        }
        self.explain(name, key, if on { "true" } else { "false" }, &origin);
        on
    }

    /// What holds for several sessions is said once.
    fn warn_once(&mut self, warning: String) {
        if self.said.insert(warning.clone()) {
            self.warnings.push(warning);
        }
    }

    fn session_origin(&self, definition: &Definition<'_>) -> String {
        match (definition.aws, definition.table) {
            (Some(aws), _) => format!("{}:{}", aws.file, aws.line),
            (None, Some(table)) => self.source.origin(table.span()),
            (None, None) => "default".to_owned(),
        }
    }

    fn explain(&mut self, name: &str, key: &str, value: &str, origin: &Origin) {
        let origin = self.words(origin);
        self.explained.push(Explained::new(format!("session.{name}.{key}"), value, origin));
    }

    fn words(&self, origin: &Origin) -> String {
        match origin {
            Origin::File(span) => self.source.origin(span.clone()),
            Origin::Aws(place) => place.clone(),
            Origin::Variable(name) => (*name).to_owned(),
            Origin::Default => "default".to_owned(),
        }
    }

    /// Refuses a value, or without an origin the definition: what `config.toml` or a variable says is an
    /// error, what the AWS config file says costs that session only.
    fn refuse(&self, definition: &Definition<'_>, origin: Option<&Origin>, message: &str) -> Refusal {
        let name = definition.name;
        match (origin, definition.table) {
            (Some(Origin::File(span)), _) => Refusal::Fail(self.error(span.clone(), message)),
            (Some(Origin::Variable(variable)), _) => {
                Refusal::Fail(Error::Variable { variable, message: message.to_owned() })
            }
            (_, Some(table)) => {
                Refusal::Fail(self.error(table.span(), format!("session `{name}`: {message}")))
            }
            (origin, None) => {
                let place =
                    origin.map_or_else(|| self.session_origin(definition), |origin| self.words(origin));
                Refusal::Skip(format!("{place}: session `{name}` is left out: {message}"))
            }
        }
    }
}
