//! [`Operation`]: what can be asked of the services, and where.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

/// An operation, named as in AWS's models; the two pages have names of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// `POST /client/register`
    RegisterClient,
    /// `POST /device_authorization`
    StartDeviceAuthorization,
    /// `POST /token`
    CreateToken,
    /// `/authorize`, the page where a browser sign-in is approved.
    Authorize,
    /// `/device`, the page where a device code is approved.
    VerifyDevice,
    /// `GET /federation/credentials`
    GetRoleCredentials,
    /// `GET /assignment/accounts`
    ListAccounts,
    /// `GET /assignment/roles`
    ListAccountRoles,
    /// `POST /logout`
    Logout,
    /// `POST /` of STS.
    GetCallerIdentity,
}

/// Which service an operation belongs to; each has a form of its own for errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Service {
    Oidc,
    Portal,
    Sts,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::RegisterClient,
        Self::StartDeviceAuthorization,
        Self::CreateToken,
        Self::Authorize,
        Self::VerifyDevice,
        Self::GetRoleCredentials,
        Self::ListAccounts,
        Self::ListAccountRoles,
        Self::Logout,
        Self::GetCallerIdentity,
    ];

    /// Its name, such as `CreateToken`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RegisterClient => "RegisterClient",
            Self::StartDeviceAuthorization => "StartDeviceAuthorization",
            Self::CreateToken => "CreateToken",
            Self::Authorize => "Authorize",
            Self::VerifyDevice => "VerifyDevice",
            Self::GetRoleCredentials => "GetRoleCredentials",
            Self::ListAccounts => "ListAccounts",
            Self::ListAccountRoles => "ListAccountRoles",
            Self::Logout => "Logout",
            Self::GetCallerIdentity => "GetCallerIdentity",
        }
    }

    /// What a request line asks for.
    pub(super) fn route(method: &str, path: &str) -> Option<Self> {
        Some(match (method, path) {
            ("POST", "/client/register") => Self::RegisterClient,
            ("POST", "/device_authorization") => Self::StartDeviceAuthorization,
            ("POST", "/token") => Self::CreateToken,
            ("GET" | "POST", "/authorize") => Self::Authorize,
            ("GET" | "POST", "/device") => Self::VerifyDevice,
            ("GET", "/federation/credentials") => Self::GetRoleCredentials,
            ("GET", "/assignment/accounts") => Self::ListAccounts,
            ("GET", "/assignment/roles") => Self::ListAccountRoles,
            ("POST", "/logout") => Self::Logout,
            ("POST", "/") => Self::GetCallerIdentity,
            _ => return None,
        })
    }

    pub(super) const fn service(self) -> Service {
        match self {
            Self::RegisterClient
            | Self::StartDeviceAuthorization
            | Self::CreateToken
            | Self::Authorize
            | Self::VerifyDevice => Service::Oidc,
            Self::GetRoleCredentials | Self::ListAccounts | Self::ListAccountRoles | Self::Logout => {
                Service::Portal
            }
            Self::GetCallerIdentity => Service::Sts,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A name that no operation has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no operation is called {0:?}; there are {all}", all = Operation::ALL.map(Operation::name).join(", "))]
pub struct UnknownOperation(pub String);

impl FromStr for Operation {
    type Err = UnknownOperation;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|operation| operation.name() == name);
        found.ok_or_else(|| UnknownOperation(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_back() {
        for operation in Operation::ALL {
            assert_eq!(operation.name().parse(), Ok(operation));
        }
        assert!("createToken".parse::<Operation>().is_err());
    }
}
