//! What a session gets from elsewhere: endpoints through `services`, switches from the profiles that use it.

use super::{LinkedSession, Located, RawProfile, Section, located, warning, warning::Warning};

/// Fills in what `sessions` get from `services` sections and from `profiles`.
///
/// AWS programs read these per profile, and a session has many; the first profile that says something is
/// believed, and one that disagrees is a warning.
pub(super) fn follow(
    file: &str,
    services: &[&Section],
    profiles: &[RawProfile],
    sessions: &mut [LinkedSession],
    warnings: &mut Vec<Warning>,
) {
    for LinkedSession { session, services: own } in sessions {
        let users: Vec<&RawProfile> = profiles
            .iter()
            .filter(|profile| profile.get("sso_session").is_some_and(|name| name.value == session.name))
            .collect();
        let heeding: Vec<&RawProfile> =
            users.iter().copied().filter(|profile| !ignores_endpoints(profile)).collect();
        warn_of_plain_endpoints(&heeding, warnings);
        let references: Vec<&Located> =
            own.iter().chain(heeding.iter().filter_map(|profile| profile.get("services"))).collect();
        warn_of_missing(&references, services, warnings);
        let mut endpoint = |service| {
            let found = references.iter().filter_map(|name| service_endpoint(file, services, name, service));
            first(&session.name, &format!("endpoint of {service}"), found.collect(), warnings)
        };
        session.oidc_endpoint = endpoint("sso_oidc");
        session.portal_endpoint = endpoint("sso");
        let mut switch = |key| {
            let found = users.iter().filter_map(|profile| profile.get(key).cloned());
            first(&session.name, key, found.collect(), warnings)
        };
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
fn warn_of_plain_endpoints(profiles: &[&RawProfile], warnings: &mut Vec<Warning>) {
    for profile in profiles {
        let Some(endpoint) = profile.get("endpoint_url") else { continue };
        let what = format!(
            "endpoint_url of the profile `{}` is not used for its session, so that no token goes there by \
             mistake (AWS programs do use it): set `endpoint` in config.toml if it is meant",
            profile.name
        );
        warnings.push(warning(&endpoint.file, endpoint.line, what, &[]));
    }
}

fn warn_of_missing(references: &[&Located], services: &[&Section], warnings: &mut Vec<Warning>) {
    for name in references {
        if !services.iter().any(|section| section.header.name == name.value) {
            let what = format!("there is no section [services {}]", name.value);
            let missing = warning(&name.file, name.line, what, &[]);
            if !warnings.contains(&missing) {
                warnings.push(missing);
            }
        }
    }
}

fn service_endpoint(file: &str, services: &[&Section], name: &Located, service: &str) -> Option<Located> {
    let section = services.iter().find(|section| section.header.name == name.value)?;
    let nested = &section.get(service)?.nested;
    let endpoint = nested.iter().rev().find(|property| property.key == "endpoint_url")?;
    (!endpoint.value.is_empty()).then(|| located(file, endpoint))
}

fn first(session: &str, what: &str, found: Vec<Located>, warnings: &mut Vec<Warning>) -> Option<Located> {
    let mut found = found.into_iter();
    let first = found.next()?;
    for other in found.filter(|other| !other.value.eq_ignore_ascii_case(&first.value)) {
        let what = format!(
            "the profiles of the session `{session}` differ in the {what}: the one of line {} is used",
            first.line
        );
        warnings.push(warning(&other.file, other.line, what, &[]));
    }
    Some(first)
}
