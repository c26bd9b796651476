"""Shells at a terminal, in a home directory with sessions and profiles whose names are hard to quote."""

import os
import pathlib
import re
import tempfile

import pexpect
import pytest
from waiting import PATIENCE

SSO_REFRESH = pathlib.Path(os.environ["SSO_REFRESH_BIN"]).absolute()
PROMPT = "ready> "

SESSIONS = ["work", "my sso", "it's", "x:y", "say \"hi\"", "$HOME", "back`tick", "tail;&|"]
PROFILES = ["dev", "aws/prod", "p:one", "p:two", "two words"]


class Shell:
    """A shell at a terminal, in which `sso-refresh` says with which arguments it was called. The completion calls the
    program itself."""

    def __init__(self, home, program, arguments, lines):
        self.home = home
        (home / ".config/sso-refresh").mkdir(parents=True, exist_ok=True)
        environment = {
            "HOME": str(home),
            "PATH": f"{home}/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "PS1": PROMPT,
            "XDG_RUNTIME_DIR": f"{home}/run",
            "HTTPS_PROXY": "http://127.0.0.1:9",
        }
        self.terminal = pexpect.spawn(
            program, arguments, env=environment, cwd=home, encoding="utf-8", timeout=PATIENCE, dimensions=(40, 160)
        )
        self.terminal.delaybeforesend = None
        for line in lines:
            self.terminal.expect_exact(PROMPT)
            self.terminal.send(line + "\r")
        self.terminal.expect_exact(PROMPT)

    def called(self, typed):
        """The arguments of the command that was typed; a tab in it completes."""
        self.terminal.send(typed + "\r")
        self.terminal.expect(re.compile(r"CALLED((?:<[^\r\n]*>)?)END", re.DOTALL))
        arguments = self.terminal.match.group(1)
        self.terminal.expect_exact(PROMPT)
        return arguments

    def shows(self, typed, *texts):
        """What is on the terminal once all of `texts` are. Nothing more can be typed then."""
        self.terminal.send(typed)
        shown = ""
        while not all(text in shown for text in texts):
            shown += self.terminal.read_nonblocking(4096)
        return shown


def toml(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.fixture
def home():
    with tempfile.TemporaryDirectory(prefix="sso-") as folder:
        home = pathlib.Path(folder)
        for folder in ("bin", ".aws", ".config/sso-refresh", "run"):
            (home / folder).mkdir(parents=True)
        (home / "bin/sso-refresh").symlink_to(SSO_REFRESH)
        (home / "bin/a-command-of-mine").symlink_to("/bin/true")
        (home / ".config/sso-refresh/config.toml").write_text(
            "".join(
                f'[session.{toml(name)}]\nstart_url = "https://{number}.example/start"\nregion = "us-east-1"\n'
                for number, name in enumerate(SESSIONS)
            )
        )
        (home / ".aws/config").write_text(
            "".join(
                f'[profile "{name}"]\nsso_session = work\nsso_account_id = 01234567890{number}\nsso_role_name = Reader\n'
                for number, name in enumerate(PROFILES)
            )
        )
        (home / "other.toml").write_text('[session.other]\nstart_url = "https://o.example"\nregion = "us-east-1"\n')
        yield home


def script(home, shell, *where):
    """Writes the script of a shell to a place in the home directory."""
    path = home.joinpath(*where)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pexpect.run(f"{SSO_REFRESH} completions {shell}", encoding="utf-8").replace("\r\n", "\n"))


POSIX_SHOWS = "sso-refresh() { printf CALLED; printf '<%s>' \"$@\"; printf 'END\\n'; }"


def bash(home):
    return Shell(home, "bash", ["--norc", "--noprofile", "-i"], ["source <(sso-refresh completions bash)", POSIX_SHOWS])


def bash_completion(home):
    script(home, "bash", ".local/share/bash-completion/completions/sso-refresh")
    lines = ["source /usr/share/bash-completion/bash_completion", POSIX_SHOWS]
    return Shell(home, "bash", ["--norc", "--noprofile", "-i"], lines)


def zsh(home):
    lines = [
        "autoload -Uz compinit; compinit -D -u",
        "source <(command sso-refresh completions zsh)",
        POSIX_SHOWS,
    ]
    return Shell(home, "zsh", ["-f", "-i"], lines)


def zsh_folder(home):
    script(home, "zsh", "functions/_sso-refresh")
    lines = ["fpath=(~/functions $fpath); autoload -Uz compinit; compinit -D -u", POSIX_SHOWS]
    return Shell(home, "zsh", ["-f", "-i"], lines)


def fish(home):
    script(home, "fish", ".config/fish/completions/sso-refresh.fish")
    (home / ".config/fish/config.fish").write_text(
        "function fish_prompt; printf 'ready> '; end\n"
        "function fish_greeting; end\n"
        "set -g fish_autosuggestion_enabled 0\n"
        "function sso-refresh; printf CALLED; printf '<%s>' $argv; printf 'END\\n'; end\n"
    )
    return Shell(home, "fish", ["-i"], [])


@pytest.fixture(params=[bash, bash_completion, zsh, zsh_folder, fish], ids=lambda shell: shell.__name__)
def shell(request, home):
    shell = request.param(home)
    yield shell
    shell.terminal.close(force=True)
