//! What a session gets from elsewhere: endpoints through `services`, switches from the profiles that use it.

use std::collections::HashMap;

use super::{Document, Kind, LinkedSession, Located, RawProfile, Section, located, warning::Warnings};

/// What a `[services]` section says.
pub(super) struct Endpoints {
    /// `endpoint_url` of `sso_oidc`.
    oidc: Option<Located>,
    /// `endpoint_url` of `sso`.
    portal: Option<Located>,
}

/// Every `[services]` section of the config file, by its name.
pub(super) fn endpoints(file: &str, document: &Document) -> HashMap<String, Endpoints> {
    let sections = document.sections.iter().filter(|section| section.header.kind == Kind::Services);
    sections
        .map(|section| {
            let endpoint = |service| endpoint(file, section, service);
            let endpoints = Endpoints { oidc: endpoint("sso_oidc"), portal: endpoint("sso") };
            (section.header.name.clone(), endpoints)
        })
        .collect()
}

/// Fills in what `sessions` get from `services` sections and from `profiles`.
///
/// AWS programs read these per profile, and a session has many; the first profile that says something is
/// believed, and one that disagrees is a warning.
pub(super) fn follow(
    services: &HashMap<String, Endpoints>,
    profiles: &[RawProfile],
    sessions: &mut [LinkedSession],
    warnings: &mut Warnings,
) {
    let mut users: HashMap<&str, Vec<&RawProfile>> = HashMap::new();
    for profile in profiles {
        if let Some(name) = profile.get("sso_session") {
            users.entry(&name.value).or_default().push(profile);
        }
    }
    for LinkedSession { session, services: own } in sessions {
        let users = users.remove(session.name.as_str()).unwrap_or_default();
        let heeding: Vec<&RawProfile> =
            users.iter().copied().filter(|profile| !ignores_endpoints(profile)).collect();
        warn_of_plain_endpoints(&heeding, warnings);
        let references = own.iter().chain(heeding.iter().filter_map(|profile| profile.get("services")));
        let mut found = Vec::new();
        for name in references {
            if let Some(endpoints) = services.get(&name.value) {
                found.push(endpoints);
            } else {
                let what = format_args!("there is no section [services {}]", name.value);
                warnings.add(&name.file, name.line, what, &[]);
            }
        }
        let mut endpoint = |what, of: fn(&Endpoints) -> Option<&Located>| {
            first(&session.name, what, found.iter().filter_map(|endpoints| of(endpoints)), warnings)
        };
        session.oidc_endpoint = endpoint("endpoint of sso_oidc", |endpoints| endpoints.oidc.as_ref());
        session.portal_endpoint = endpoint("endpoint of sso", |endpoints| endpoints.portal.as_ref());
        let mut switch =
            |key| first(&session.name, key, users.iter().filter_map(|profile| profile.get(key)), warnings);
        session.use_fips = switch("use_fips_endpoint");
        session.use_dual_stack = switch("use_dualstack_endpoint");
    }
}

fn ignores_endpoints(profile: &RawProfile) -> bool {
    profile
        .get("ignore_configured_endpoint_urls")
        .is_some_and(|located| located.value.eq_ignore_ascii_case("true"))
}

/// The endpoint of everything (that of a local emulator, say) must not get a refresh token.
fn warn_of_plain_endpoints(profiles: &[&RawProfile], warnings: &mut Warnings) {
    for profile in profiles {
        let Some(endpoint) = profile.get("endpoint_url") else { continue };
        let what = format_args!(
            "endpoint_url of the profile `{}` is not used for its session, so that no token goes there by \
             mistake (AWS programs do use it): set `endpoint` in config.toml if it is meant",
            profile.name
        );
        warnings.add(&endpoint.file, endpoint.line, what, &[]);
    }
}

fn endpoint(file: &str, section: &Section, service: &str) -> Option<Located> {
    let nested = &section.get(service)?.nested;
    let endpoint = nested.iter().rev().find(|property| property.key == "endpoint_url")?;
    (!endpoint.value.is_empty()).then(|| located(file, endpoint))
}

fn first<'a>(
    session: &str,
    what: &str,
    mut found: impl Iterator<Item = &'a Located>,
    warnings: &mut Warnings,
) -> Option<Located> {
    let first = found.next()?;
    for other in found.filter(|other| !other.value.eq_ignore_ascii_case(&first.value)) {
        let what = format_args!(
            "the profiles of the session `{session}` differ in the {what}: the one of line {} is used",
            first.line
        );
        warnings.add(&other.file, other.line, what, &[]);
    }
    Some(first.clone())
}
