//! The values that the labels have: each has few, which are known beforehand.

/// Something with few values.
pub(super) trait Word: Copy + 'static {
    /// All of them, each in its place.
    const ALL: &'static [Self];

    /// The value in the text.
    fn word(self) -> &'static str;

    /// Which of [`Self::ALL`] it is.
    fn place(self) -> usize;
}

macro_rules! words {
    ($($(#[$of:meta])* $visible:vis $name:ident { $($(#[$doc:meta])* $value:ident = $word:literal;)+ })+) => {$(
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visible enum $name {
            $($(#[$doc])* $value,)+
        }

        impl Word for $name {
            const ALL: &'static [Self] = &[$(Self::$value,)+];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }

            fn place(self) -> usize {
                self as usize
            }
        }
    )+};
}

words! {
    /// Where a client connects.
    pub Listener {
        /// At the owner's socket.
        Unix = "unix";
        /// At the loopback endpoint.
        Loopback = "loopback";
    }

    /// What an HTTP status says.
    pub(super) Class {
        /// It went well.
        Good = "2xx";
        /// The client is to do something else.
        Client = "4xx";
        /// It may work later.
        Server = "5xx";
    }

    /// What wakes the loop.
    pub Cause {
        /// A moment that something was planned for.
        Deadline = "deadline";
        /// The clock was set.
        ClockStep = "clock_step";
        /// The machine was asleep.
        Resume = "resume";
        /// A file changed.
        Files = "files";
        /// The network changed.
        Network = "network";
        /// SIGHUP, or one that ends the program.
        Signal = "signal";
        /// A local program asks.
        Call = "call";
        /// Something has ended that was begun: an exchange, say.
        Ended = "ended";
    }

    /// How an exchange ended.
    pub(super) Exchanged {
        /// With a new token.
        Refreshed = "refreshed";
        /// With the token that somebody else had brought.
        Adopted = "adopted";
        /// The token file was gone.
        SignedOut = "signed_out";
        /// The server refused for good, or for the first time.
        Refused = "refused";
        /// It is tried again.
        Failed = "failed";
    }

    /// How a fetch of role credentials ended.
    pub Fetched {
        /// With credentials.
        Good = "fetched";
        /// The user has no such role.
        NoAccess = "no_access";
        /// Only a sign-in helps.
        SignInNeeded = "sign_in_needed";
        /// It may work later.
        Failed = "failed";
    }

    /// How a hook ended.
    pub HookEnd {
        /// Well.
        Good = "succeeded";
        /// It failed, hung or is not there.
        Failed = "failed";
        /// It was not run, since too many waited.
        NotRun = "not_run";
    }

    /// What became of a configuration.
    pub Loaded {
        /// It is in force.
        TakenUp = "taken_up";
        /// The old one stays in force.
        Refused = "refused";
    }
}
