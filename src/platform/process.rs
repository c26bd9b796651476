//! What keeps other processes of the user out of this one's memory, as far as a system can.

use nix::sys::{
    resource::{Resource, setrlimit},
    stat::{Mode, umask},
};

/// Leaves no core file behind, and on Linux lets nobody but root attach or read the memory.
///
/// A system that refuses is told of and borne with: the token files are the user's to read in any case.
pub fn harden() {
    if let Err(error) = setrlimit(Resource::RLIMIT_CORE, 0, 0) {
        tracing::debug!("core files can't be turned off: {error}");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_dumpable(false) {
        tracing::debug!("the process can't be closed to debuggers: {error}");
    }
}

/// Lets the process use the files that it makes itself: a umask such as 0777 would leave them without any right.
/// What it takes from others stays, and goes for the programs that are started too.
pub fn own_files() {
    let found = umask(Mode::S_IRWXG | Mode::S_IRWXO);
    umask(found - Mode::S_IRWXU);
}

#[cfg(test)]
mod tests {
    use nix::sys::resource::getrlimit;

    use super::*;

    #[test]
    fn leaves_no_core_and_lets_nobody_attach() {
        harden();
        assert_eq!(getrlimit(Resource::RLIMIT_CORE).unwrap(), (0, 0));
        #[cfg(target_os = "linux")]
        assert!(!nix::sys::prctl::get_dumpable().unwrap());
    }
}
