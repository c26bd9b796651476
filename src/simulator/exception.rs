//! [`Exception`]: the errors that AWS models for OIDC and the portal, and [`Refusal`], one of them with its reason.

/// An error of the services' models (`sso-oidc/2019-06-10` and `sso/2019-06-10`, `service-2.json`), and
/// `ForbiddenException`, which the portal answers although no model has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// The user has not decided yet (RFC 8628 §3.5).
    AuthorizationPending,
    /// The client asks too often (RFC 8628 §3.5).
    SlowDown,
    /// A device code or an authorization code is too old.
    ExpiredToken,
    /// A refresh token or a code is unknown, used, revoked or another client's (RFC 6749 §5.2).
    InvalidGrant,
    /// The registration is unknown or has expired.
    InvalidClient,
    /// The registration doesn't have this grant.
    UnauthorizedClient,
    /// The user refused.
    AccessDenied,
    /// A field is missing or malformed; the one name that both services use.
    InvalidRequest,
    /// A scope is malformed, unknown to the registration or doesn't go with its grants.
    InvalidScope,
    /// A redirect URI is none that a native client may use.
    InvalidRedirectUri,
    /// A client type other than `public`, for example.
    InvalidClientMetadata,
    /// A grant that nobody knows.
    UnsupportedGrantType,
    /// The service failed.
    InternalServer,
    /// The request belongs to another region (`CreateTokenWithIAM` only).
    InvalidRequestRegion,
    /// The portal doesn't know the access token, or no longer.
    Unauthorized,
    /// The user has no such account or role; the access token is fine.
    Forbidden,
    /// Too many requests.
    TooManyRequests,
    /// No such resource.
    ResourceNotFound,
}

impl Exception {
    const ALL: [Self; 18] = [
        Self::AuthorizationPending,
        Self::SlowDown,
        Self::ExpiredToken,
        Self::InvalidGrant,
        Self::InvalidClient,
        Self::UnauthorizedClient,
        Self::AccessDenied,
        Self::InvalidRequest,
        Self::InvalidScope,
        Self::InvalidRedirectUri,
        Self::InvalidClientMetadata,
        Self::UnsupportedGrantType,
        Self::InternalServer,
        Self::InvalidRequestRegion,
        Self::Unauthorized,
        Self::Forbidden,
        Self::TooManyRequests,
        Self::ResourceNotFound,
    ];

    /// Its shape name, its HTTP status and its OAuth code; the portal's errors have no code.
    const fn facts(self) -> (&'static str, u16, Option<&'static str>) {
        match self {
            Self::AuthorizationPending => {
                ("AuthorizationPendingException", 400, Some("authorization_pending"))
            }
            Self::SlowDown => ("SlowDownException", 400, Some("slow_down")),
            Self::ExpiredToken => ("ExpiredTokenException", 400, Some("expired_token")),
            Self::InvalidGrant => ("InvalidGrantException", 400, Some("invalid_grant")),
            Self::InvalidClient => ("InvalidClientException", 401, Some("invalid_client")),
            Self::UnauthorizedClient => ("UnauthorizedClientException", 400, Some("unauthorized_client")),
            Self::AccessDenied => ("AccessDeniedException", 400, Some("access_denied")),
            Self::InvalidRequest => ("InvalidRequestException", 400, Some("invalid_request")),
            Self::InvalidScope => ("InvalidScopeException", 400, Some("invalid_scope")),
            Self::InvalidRedirectUri => ("InvalidRedirectUriException", 400, Some("invalid_redirect_uri")),
            Self::InvalidClientMetadata => {
                ("InvalidClientMetadataException", 400, Some("invalid_client_metadata"))
            }
            Self::UnsupportedGrantType => {
                ("UnsupportedGrantTypeException", 400, Some("unsupported_grant_type"))
            }
            Self::InternalServer => ("InternalServerException", 500, Some("server_error")),
            Self::InvalidRequestRegion => ("InvalidRequestRegionException", 400, Some("invalid_request")),
            Self::Unauthorized => ("UnauthorizedException", 401, None),
            Self::Forbidden => ("ForbiddenException", 403, None),
            Self::TooManyRequests => ("TooManyRequestsException", 429, None),
            Self::ResourceNotFound => ("ResourceNotFoundException", 404, None),
        }
    }

    /// The name of its shape, such as `InvalidGrantException`.
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// Its HTTP status (`error.httpStatusCode` of the shape).
    pub const fn status(self) -> u16 {
        self.facts().1
    }

    /// The `error` of its body, such as `invalid_grant`; `None` for the errors that only the portal has.
    pub const fn code(self) -> Option<&'static str> {
        self.facts().2
    }

    /// Reads a shape name, with or without its `Exception`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|exception| {
            exception.name() == name || exception.name().strip_suffix("Exception") == Some(name)
        })
    }
}

/// A request refused: which error, in which words, and whose session it was where that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) exception: Exception,
    pub(super) why: &'static str,
    pub(super) start_url: Option<String>,
}

impl Refusal {
    pub(super) const fn new(exception: Exception, why: &'static str) -> Self {
        Self { exception, why, start_url: None }
    }

    /// The same, about the session of `start_url`.
    pub(super) fn of(self, start_url: &str) -> Self {
        Self { start_url: Some(start_url.to_owned()), ..self }
    }

    /// A field is missing or malformed.
    pub(super) const fn request(why: &'static str) -> Self {
        Self::new(Exception::InvalidRequest, why)
    }

    /// A token or code is no good.
    pub(super) const fn grant(why: &'static str) -> Self {
        Self::new(Exception::InvalidGrant, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for exception in Exception::ALL {
            assert_eq!(Exception::parse(exception.name()), Some(exception));
            let short = exception.name().trim_end_matches("Exception");
            assert_eq!(Exception::parse(short), Some(exception));
        }
        assert_eq!(Exception::parse("NoSuchException"), None);
        assert_eq!(Exception::parse(""), None);
    }
}
