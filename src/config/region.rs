//! The regions of AWS that are known here: to tell a typo from a region that is new.

use super::nearest::nearest;

/// Every region of botocore's `partitions.json` (version 1.44).
const KNOWN: [&str; 48] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "me-west-1",
    "mx-central-1",
    "sa-east-1",
    "sa-west-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// Checks a region, which becomes part of a host name that refresh tokens are sent to.
pub(super) fn check(text: &str) -> Result<(), &'static str> {
    let label = !text.is_empty()
        && text.len() <= 63
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if label { Ok(()) } else { Err("a region must be a name such as \"us-east-1\"") }
}

/// What to say of a region that passes [`check`] and is not known. No error: AWS adds regions.
pub(super) fn doubt(region: &str) -> Option<String> {
    if KNOWN.contains(&region) {
        return None;
    }
    Some(match nearest(region, KNOWN) {
        Some(meant) => format!("the region `{region}` is not known, did you mean `{meant}`?"),
        None => format!("the region `{region}` is not known: write the one of the AWS access portal"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_a_label() {
        for (text, expected) in [
            ("us-gov-west-1", true),
            ("xx-nowhere-1", true),
            ("us-east-1.example.com/", false),
            ("US-EAST-1", false),
            ("-", false),
            ("", false),
        ] {
            assert_eq!(check(text).is_ok(), expected, "{text}");
        }
    }

    #[test]
    fn an_unknown_region_is_doubted() {
        assert!(KNOWN.iter().all(|region| check(region).is_ok() && doubt(region).is_none()));
        for (region, expected) in [
            ("us-esat-1", "did you mean `us-east-1`?"),
            ("eu-wset-3", "did you mean `eu-west-3`?"),
            ("zz", "write the one of the AWS access portal"),
        ] {
            let doubt = doubt(region).unwrap();
            assert!(doubt.starts_with(&format!("the region `{region}` is not known")), "{doubt}");
            assert!(doubt.ends_with(expected), "{doubt}");
        }
    }
}
