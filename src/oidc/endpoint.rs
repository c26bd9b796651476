//! Base URLs of the services by region, as botocore's rule sets for `sso-oidc` and `sso` resolve them.
//!
//! That a rule gives a host name does not mean that the host exists.

/// A set of regions that share their DNS suffixes (botocore's `partitions.json`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Partition {
    /// `aws`: the commercial regions, and every region that no other partition claims.
    Aws,
    /// `aws-cn`: China.
    China,
    /// `aws-eusc`: the European Sovereign Cloud.
    EuSovereign,
    /// `aws-iso`.
    Iso,
    /// `aws-iso-b`.
    IsoB,
    /// `aws-iso-e`.
    IsoE,
    /// `aws-iso-f`.
    IsoF,
    /// `aws-us-gov`: the regions for the government of the United States.
    UsGov,
}

/// Each partition with the prefixes of its regions: a region is `PREFIX-WORD-NUMBER`.
const PREFIXES: [(Partition, &[&str]); 8] = [
    (Partition::Aws, &["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"]),
    (Partition::China, &["cn"]),
    (Partition::EuSovereign, &["eusc-de"]),
    (Partition::Iso, &["us-iso"]),
    (Partition::IsoB, &["us-isob"]),
    (Partition::IsoE, &["eu-isoe"]),
    (Partition::IsoF, &["us-isof"]),
    (Partition::UsGov, &["us-gov"]),
];

impl Partition {
    /// The partition of `region`; [`Partition::Aws`] for a region of no known shape, as in botocore.
    fn of(region: &str) -> Self {
        let of = |prefix: &&str| is_region_of(region, prefix);
        let known = PREFIXES.iter().find(|(_, prefixes)| prefixes.iter().any(of));
        known.map_or(Self::Aws, |(partition, _)| *partition)
    }

    fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::UsGov => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
            Self::EuSovereign => "amazonaws.eu",
            Self::Iso => "c2s.ic.gov",
            Self::IsoB => "sc2s.sgov.gov",
            Self::IsoE => "cloud.adc-e.uk",
            Self::IsoF => "csp.hci.ic.gov",
        }
    }

    fn dual_stack_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::UsGov => "api.aws",
            Self::China => "api.amazonwebservices.com.cn",
            Self::EuSovereign => "api.amazonwebservices.eu",
            Self::Iso => "api.aws.ic.gov",
            Self::IsoB => "api.aws.scloud",
            Self::IsoE => "api.cloud-aws.adc-e.uk",
            Self::IsoF => "api.aws.hci.ic.gov",
        }
    }
}

/// Base URL of the OIDC service. `region` becomes a label of the host name, and must be fit for that: with `/`, `@`
/// or `.` in it the URL could name another host. The configuration takes no other.
pub fn oidc_url(region: &str, fips: bool, dual_stack: bool) -> String {
    url("oidc", region, fips, dual_stack)
}

/// Base URL of the portal, with the same demand on `region` as [`oidc_url`] has.
pub fn portal_url(region: &str, fips: bool, dual_stack: bool) -> String {
    url("portal.sso", region, fips, dual_stack)
}

fn url(service: &str, region: &str, fips: bool, dual_stack: bool) -> String {
    let partition = Partition::of(region);
    let suffix = if dual_stack { partition.dual_stack_suffix() } else { partition.dns_suffix() };
    // The plain hosts of aws-us-gov are FIPS hosts already.
    let mark = if fips && (dual_stack || partition != Partition::UsGov) { "-fips" } else { "" };
    format!("https://{service}{mark}.{region}.{suffix}")
}

/// `^PREFIX-\w+-\d+$`
fn is_region_of(region: &str, prefix: &str) -> bool {
    let rest = region.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    let Some((word, number)) = rest.and_then(|rest| rest.split_once('-')) else { return false };
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !word.is_empty()
        && word.bytes().all(is_word)
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_as_botocore_does() {
        // Resolved with botocore 1.44.8: plain, FIPS, dual stack, both. The portal's hosts differ only in
        // having `portal.sso` where these have `oidc`.
        let commercial = "us-east-1 ca-central-1 mx-central-1 me-west-1 il-central-1";
        let unknown = "xx-nowhere-1 us-foo nonsense us-east-1x us-east-1-2 us--1 us-a-b-1 us-iso-east \
                       us-isofx-y-1 eusc-fr-west-1 us-gov-foo";
        for (regions, fips, suffix, dual_stack_suffix) in [
            (commercial, "oidc-fips", "amazonaws.com", "api.aws"),
            (unknown, "oidc-fips", "amazonaws.com", "api.aws"),
            ("us-gov-west-1 us-gov-east-1 us-gov-central-1", "oidc", "amazonaws.com", "api.aws"),
            ("cn-north-1 cn-x-1", "oidc-fips", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
            ("eusc-de-east-1 eusc-de-a_b-12", "oidc-fips", "amazonaws.eu", "api.amazonwebservices.eu"),
            ("us-iso-east-1", "oidc-fips", "c2s.ic.gov", "api.aws.ic.gov"),
            ("us-isob-east-1", "oidc-fips", "sc2s.sgov.gov", "api.aws.scloud"),
            ("eu-isoe-west-1 eu-isoe-x_y-12", "oidc-fips", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"),
            ("us-isof-south-1", "oidc-fips", "csp.hci.ic.gov", "api.aws.hci.ic.gov"),
        ] {
            for region in regions.split_whitespace() {
                for (fips, dual_stack, expected) in [
                    (false, false, format!("oidc.{region}.{suffix}")),
                    (true, false, format!("{fips}.{region}.{suffix}")),
                    (false, true, format!("oidc.{region}.{dual_stack_suffix}")),
                    (true, true, format!("oidc-fips.{region}.{dual_stack_suffix}")),
                ] {
                    assert_eq!(oidc_url(region, fips, dual_stack), format!("https://{expected}"));
                    let expected = expected.replacen("oidc", "portal.sso", 1);
                    assert_eq!(portal_url(region, fips, dual_stack), format!("https://{expected}"));
                }
            }
        }
    }
}
