//! Where the user sits: [`way`] says whether a browser of theirs can be reached from here.

use std::path::Path;

use crate::config::environment::Environment;

/// Variables that remote development environments set for everything that runs in their containers.
const REMOTE_CONTAINERS: [&str; 4] =
    ["CODESPACES", "REMOTE_CONTAINERS", "GITPOD_WORKSPACE_ID", "KUBERNETES_SERVICE_HOST"];

/// How to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Through a browser on this machine.
    Browser,
    /// With a code for a browser anywhere.
    DeviceCode(Hindrance),
}

/// Why no browser can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hindrance {
    /// The user sits at another machine.
    #[error("this is an SSH session")]
    Ssh,
    /// The port of a container's 127.0.0.1 is not that of the browser.
    #[error("this is a container")]
    Container,
    /// Windows has the browser, and nothing here can start it.
    #[error("this is WSL, and wslview is not installed")]
    Wsl,
    /// Nothing can show a window.
    #[error("there is no display")]
    NoDisplay,
}

/// What the machine is, beside the environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "facts of their own, not a state")]
pub struct Machine {
    /// It needs no variable to find its display.
    pub macos: bool,
    /// Container engines leave a file.
    pub container_file: bool,
    /// The kernel is that of the Windows Subsystem for Linux.
    pub wsl: bool,
    /// `wslview`, which opens a page in the browser of Windows, is in the search path.
    pub wslview: bool,
}

impl Machine {
    /// This one.
    pub fn look(env: &Environment) -> Self {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let path = env.path("PATH").unwrap_or_default();
        Self {
            macos: cfg!(target_os = "macos"),
            container_file: ["/.dockerenv", "/run/.containerenv"].iter().any(|file| Path::new(file).exists()),
            wsl: kernel.to_ascii_lowercase().contains("microsoft"),
            wslview: std::env::split_paths(&path).any(|folder| folder.join("wslview").is_file()),
        }
    }
}

/// How to sign in from here. A set `BROWSER` is a browser that can be reached: whoever sets it knows.
pub fn way(env: &Environment, machine: Machine) -> Way {
    let set = |names: &[&str]| names.iter().any(|name| env.path(name).is_some());
    if set(&["BROWSER"]) {
        return Way::Browser;
    }
    let hindrance = if set(&["SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"]) {
        Some(Hindrance::Ssh)
    } else if machine.container_file || set(&["container"]) || set(&REMOTE_CONTAINERS) {
        Some(Hindrance::Container)
    } else if machine.wsl {
        (!machine.wslview).then_some(Hindrance::Wsl)
    } else {
        let display = machine.macos || set(&["DISPLAY", "WAYLAND_DISPLAY"]);
        (!display).then_some(Hindrance::NoDisplay)
    };
    hindrance.map_or(Way::Browser, Way::DeviceCode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_by_the_surroundings() {
        use Hindrance::{Container, NoDisplay, Ssh, Wsl};
        let linux = Machine::default();
        let macos = Machine { macos: true, ..linux };
        let wsl = Machine { wsl: true, ..linux };
        let docker = Machine { container_file: true, ..linux };
        for (machine, variables, expected) in [
            (linux, "DISPLAY=:0", None),
            (linux, "WAYLAND_DISPLAY=wayland-0", None),
            (linux, "", Some(NoDisplay)),
            (linux, "DISPLAY=", Some(NoDisplay)),
            (linux, "BROWSER=/usr/bin/firefox", None),
            (linux, "BROWSER= DISPLAY=", Some(NoDisplay)),
            (macos, "", None),
            (macos, "SSH_CONNECTION=1", Some(Ssh)),
            (linux, "SSH_CONNECTION=10.0.0.1", Some(Ssh)),
            (linux, "SSH_TTY=/dev/pts/1 DISPLAY=localhost:10.0", Some(Ssh)),
            (linux, "SSH_CLIENT=10.0.0.1", Some(Ssh)),
            (linux, "SSH_CONNECTION=10.0.0.1 BROWSER=/helpers/browser.sh", None),
            (docker, "DISPLAY=:0", Some(Container)),
            (docker, "BROWSER=x", None),
            (linux, "container=podman DISPLAY=:0", Some(Container)),
            (linux, "CODESPACES=true DISPLAY=:0", Some(Container)),
            (linux, "REMOTE_CONTAINERS=true DISPLAY=:0", Some(Container)),
            (linux, "GITPOD_WORKSPACE_ID=x DISPLAY=:0", Some(Container)),
            (linux, "KUBERNETES_SERVICE_HOST=10.0.0.1 DISPLAY=:0", Some(Container)),
            (wsl, "", Some(Wsl)),
            (wsl, "DISPLAY=:0", Some(Wsl)),
            (wsl, "BROWSER=wslview", None),
            (Machine { wslview: true, ..wsl }, "", None),
            (Machine { wslview: true, ..wsl }, "SSH_TTY=/dev/pts/0", Some(Ssh)),
        ] {
            let pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
            let found = way(&Environment::from_pairs(pairs), machine);
            assert_eq!(found, expected.map_or(Way::Browser, Way::DeviceCode), "{machine:?} {variables}");
        }
    }

    #[test]
    fn finds_wslview_in_the_search_path() {
        let folder = tempfile::tempdir().unwrap();
        let env = Environment::from_pairs([("PATH", format!("/nowhere:{}", folder.path().display()))]);
        assert!(!Machine::look(&env).wslview);
        std::fs::File::create(folder.path().join("wslview")).unwrap();
        assert!(Machine::look(&env).wslview);
    }
}
