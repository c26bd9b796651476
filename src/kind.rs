//! [`Kind`]: what a log line tells of. Its name and number never change, so that programs can go by them; the number is
//! journald's `MESSAGE_ID`, under which `packaging/systemd/catalog/` explains it.

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal, $id:literal;)+) => {
        /// What a log line tells of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind {
            $($(#[$doc])* $kind,)+
        }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind,)+];

            /// Its name: the field `sso_event`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)+
                }
            }

            /// Its number, 128 bits in hexadecimal: the field `message_id`.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$kind => $id,)+
                }
            }
        }
    };
}

kinds! {
    /// The daemon serves.
    Started = "started", "05ae0393ef8e4ecfbb4ec73468e9285f";
    /// It was told to end.
    Stopping = "stopping", "82cb94f513354db7a7996dbc53258ace";
    /// A token that somebody else wrote is kept fresh from now on.
    TakenUp = "taken_up", "affe755529554a148fb044f652facb7d";
    /// A token was refreshed.
    Refreshed = "refreshed", "9b751df7c3fa457eabde6fe9cbbf506e";
    /// Refreshing began to fail, and is tried again.
    RefreshFailing = "refresh_failing", "13aa578007a742a88fbb9276ccd763d5";
    /// It works again.
    Recovered = "recovered", "de4d89bdbef440498d07c171433acbae";
    /// There is no token file.
    SignedOut = "signed_out", "189823bca7f045bf8f6eca8d78a077c4";
    /// The machine was asleep.
    Resumed = "resumed", "2197e68044f6498aa9bac50f56605d4a";
    /// Only a sign-in helps.
    SignInNeeded = "sign_in_needed", "385b16f6b8304b39943c978aa67d0e7c";
    /// The Identity Center session is about to end.
    SessionEnding = "session_ending", "edd49b54a5d04c7d8041868c778a45c4";
    /// The client registration is about to end.
    RegistrationEnding = "registration_ending", "aa2c1fcbd3464dbb9a581a215730923c";
    /// A broken token file is whole again.
    Repaired = "repaired", "df496e6d6f9d40a2a1b838d8bb7a691d";
    /// A broken token file stays broken.
    NotRepaired = "not_repaired", "9864318da6fd4e3587b8b7b1024fedfd";
    /// Role credentials that programs use or want can't be had.
    CredentialsFailing = "credentials_failing", "5889ef872c6441b89e4347f011f6221e";
    /// A configuration was taken up.
    Configured = "configured", "fb283bf693c7449b8f8c825f2d4c259f";
    /// A configuration was not taken up.
    ConfigurationRefused = "configuration_refused", "5324161853e747a0ae2390a820e9cce2";
    /// There is something odd about the configuration in force.
    ConfigurationDoubtful = "configuration_doubtful", "38fd9304a6384636ba5765d488898d9e";
    /// The system does not tell of changes to files.
    NotWatched = "not_watched", "cec0babb88304928ad4b594c24e9f99d";
    /// The clock of this machine differs from that of AWS.
    ClockSkew = "clock_skew", "01ab9acb53ad4d1d80f191831190cda9";
    /// The loopback endpoint serves.
    Listening = "listening", "22fc3a428ff843d29bb2dfc5d12279b2";
    /// The loopback endpoint can't serve: its port is taken, say.
    NotListening = "not_listening", "4af83bfd3a454470b45d1077e5401a04";
    /// The clock of this machine is right again.
    ClockRight = "clock_right", "ccadfa9859654ed189056ab45b307036";
    /// The daemon ended before an exchange had.
    CutOff = "cut_off", "bf1fe7eea4ca49b9bd0a16e2cf6fb82a";
    /// Others could read a file or folder with secrets.
    LooseMode = "loose_mode", "4492c5d14602484f93774175e9c41f29";
    /// What the program keeps for itself can't be read or written.
    StateTrouble = "state_trouble", "d12e0c42e39d4235bec456058854c554";
    /// A crash has left a file behind.
    LeftBehind = "left_behind", "e41d73e0f1f040afa979e3f7764ca841";
    /// A token that would have been lost is in the token file.
    Rescued = "rescued", "9430e2b956f14e4e8308f2b8bfb76384";
    /// It is not.
    NotRescued = "not_rescued", "febd61b83c35427bbf9c84671fd84baf";
    /// Somebody asked the loopback endpoint what no client of AWS does.
    RequestRefused = "request_refused", "6c4293839f79440484d995124e8c68ec";
    /// Another user connected to the socket.
    TurnedAway = "turned_away", "8405b0adce7c444a9b57265ddf9bc6ba";
    /// The system lets nobody connect.
    NotAccepting = "not_accepting", "ee99561221ef4e8d90435101f95abe10";
    /// The socket that the service manager opened is not where programs ask.
    SocketElsewhere = "socket_elsewhere", "0af0b67c4c6c4a13bdf3c8919a19f663";
    /// The server does not do as AWS does.
    OddServer = "odd_server", "71203b67bba74448a99b1316f7f26e4e";
    /// A hook failed, or was not run.
    HookFailed = "hook_failed", "052c53b7c9fa4c56a397601f233be6df";
    /// A sign-in that was asked for on the desktop did not come about.
    SignInNotStarted = "sign_in_not_started", "430623efbfab4e2f8333ba4d94c08660";
    /// The main loop hangs, so that the process ends itself.
    Hanging = "hanging", "57370d8ddee04c85be308629b47b403a";
}

/// Writes a log line of a kind: `told!(warn, Kind::Repaired, sso_session = name, "{name}: …")`.
macro_rules! told {
    ($level:ident, $kind:expr, $($rest:tt)+) => {
        tracing::$level!(message_id = $kind.id(), sso_event = $kind.name(), $($rest)+)
    };
}
pub(crate) use told;
