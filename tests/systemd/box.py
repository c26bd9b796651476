"""The users in the box: what they run, their files and units, and what the kernel says of their processes."""

import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import pwd
import shlex
import subprocess
import time

import identity_center
from waiting import PATIENCE, wait_for

INIT = os.environ["BOX_INIT"]
CGROUP = pathlib.Path(os.environ["BOX_CGROUP"])
ROOT = pathlib.Path(f"/proc/{INIT}/root")

PROGRAM = "/usr/local/bin/sso-refresh"
SERVICE = "sso-refresh.service"
SOCKET = "sso-refresh.socket"
SESSION = "work"


@dataclasses.dataclass
class Done:
    """What a command did."""

    code: int
    out: str
    err: str


class User:
    """One of the box's users with a lingering user manager."""

    def __init__(self, name):
        lines = (ROOT / "etc/passwd").read_text().splitlines()
        [entry] = (pwd.struct_passwd(line.split(":")) for line in lines if line.startswith(f"{name}:"))
        self.name, self.uid, self.home = name, int(entry.pw_uid), entry.pw_dir
        self.runtime = f"/run/user/{self.uid}"

    def command(self, *command):
        """The command line that runs as this user in the box, with what a login shell has in its environment."""
        enter = ["nsenter", f"--target={INIT}", "--mount", "--pid", "--uts", "--ipc", "--cgroup"]
        become = ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--init-groups"]
        environment = {
            "HOME": self.home,
            "USER": self.name,
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": self.runtime,
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.runtime}/bus",
        }
        settings = [f"{name}={value}" for name, value in environment.items()]
        return [*enter, "--", *become, "env", "-i", f"--chdir={self.home}", *settings, *command]

    def run(self, *command, stdin=""):
        done = subprocess.run(
            self.command(*command), input=stdin, capture_output=True, text=True, timeout=2 * PATIENCE
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def expect(self, *command, stdin=""):
        """What the command prints, which must succeed."""
        done = self.run(*command, stdin=stdin)
        assert done.code == 0, f"{shlex.join(command)}: {done}"
        return done.out

    def sso_refresh(self, *arguments):
        return self.run("sso-refresh", *arguments)

    # --- Files

    def seen(self, below_home):
        """The path of a file of this user, as the tests see it."""
        return ROOT / self.home.lstrip("/") / below_home

    def write(self, below_home, text):
        script = 'umask 077; mkdir -p "$(dirname "$1")"; cat >"$1"'
        self.expect("sh", "-c", script, "sh", f"{self.home}/{below_home}", stdin=text)

    def files(self):
        """Everything in the home directory."""
        return set(self.expect("find", ".", "-mindepth", "1").splitlines())

    # --- The service manager

    def systemctl(self, *arguments):
        return self.run("systemctl", "--user", *arguments)

    def manage(self, *arguments):
        """The same, where it must succeed."""
        return self.expect("systemctl", "--user", *arguments)

    def show(self, name, unit=SERVICE):
        return self.manage("show", "--value", f"--property={name}", unit).strip()

    def adjust(self, *lines, unit=SERVICE):
        """A drop-in of the user's own for the service."""
        self.write(f".config/systemd/user/{unit}.d/test.conf", "\n".join(lines) + "\n")
        self.manage("daemon-reload")

    def pids(self, unit=SERVICE):
        """The processes of a unit, as this machine numbers them."""
        slices = f"user.slice/user-{self.uid}.slice/user@{self.uid}.service/app.slice/{unit}"
        try:
            return [int(pid) for pid in (CGROUP / slices / "cgroup.procs").read_text().split()]
        except OSError:
            return []

    def pid(self):
        """The process of the service. systemd has helpers there while it starts one."""
        return wait_for("the process of the service", lambda: len(pids := self.pids()) == 1 and pids[0])

    def journal(self, *arguments):
        """What the journal has of the service, an object for each entry."""
        lines = self.expect("journalctl", "--user", f"--unit={SERVICE}", "--output=json", "--all", *arguments)
        return [json.loads(line) for line in lines.splitlines()]

    def everything_told(self):
        """All that the service has ever said, to the journal and to its manager."""
        journal = self.expect("journalctl", "--user", "--output=export", "--all")
        return journal + self.systemctl("status", "--full", "--lines=1000", SERVICE).out

    def forget(self):
        """Ends the service and deletes everything that this user has."""
        self.systemctl("stop", SOCKET, SERVICE)
        self.expect("find", ".", "-mindepth", "1", "-delete")
        self.expect("rm", "-rf", f"{self.runtime}/sso-refresh")
        self.manage("daemon-reload")
        self.systemctl("reset-failed")


class Owner(User):
    """A user who has one session at an Identity Center."""

    def __init__(self, name, url):
        super().__init__(name)
        self.simulator = identity_center.Simulator(url)
        self.secrets = set()
        self.config = self.config_at(url)

    @staticmethod
    def config_at(url):
        return f'[session.{SESSION}]\nendpoint = "{url}"\n'

    def configure(self):
        """Writes what `aws configure sso` would, and where the Identity Center is."""
        self.write(
            ".aws/config",
            f"[sso-session {SESSION}]\nsso_start_url = {identity_center.START_URL}\nsso_region = us-east-1\n"
            f"sso_registration_scopes = {identity_center.SCOPE}\n",
        )
        self.write_config(self.config)

    def write_config(self, text):
        self.write(".config/sso-refresh/config.toml", text)

    @property
    def token_file(self):
        return f".aws/sso/cache/{hashlib.sha1(SESSION.encode()).hexdigest()}.json"

    def token(self):
        return json.loads(self.seen(self.token_file).read_text())

    def write_token(self, token):
        """As the AWS CLI would."""
        self.secrets |= {token[name] for name in ("accessToken", "refreshToken", "clientSecret")}
        self.write(self.token_file, json.dumps(token))

    def sign_in(self, **left):
        """Signs in at the Identity Center and writes the token, with so much time left: `minutes=59`."""
        token = identity_center.ending_in(self.simulator.sign_in(), **left)
        self.write_token(token)
        return token

    def exchanges(self):
        return [call for call in self.simulator.calls() if call["operation"] == "CreateToken"]

    def status(self):
        """How the session is, by the daemon or without it."""
        done = self.sso_refresh("status", "--json")
        assert done.out, done
        [session] = json.loads(done.out)["sessions"]
        return session

    def wait_until(self, what, **expected):
        """The status, once it has these values."""

        def look():
            status = self.status()
            return status if expected.items() <= status.items() else None

        return wait_for(what, look)

    def accepted(self):
        """Whether the Identity Center takes the access token that is in the file."""
        return self.sso_refresh("accounts").code == 0

    def install(self):
        done = self.sso_refresh("service", "install")
        assert done.code == 0, done
        return done

    def start(self):
        self.manage("start", SERVICE)


@contextlib.contextmanager
def owner(name, *flags):
    """A user with nothing of before, a configured session, and an Identity Center that ends with the block."""
    # Each Identity Center gives out tokens of its own.
    with identity_center.simulate("--seed", str(sum(name.encode())), *flags) as url:
        user = Owner(name, url)
        user.forget()
        user.configure()
        yield user


def thread_waits(pid):
    """How often the threads of a process have gone to sleep by themselves: each woke before that."""
    waits = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        fields = dict(line.split(":", 1) for line in status.read_text().splitlines())
        waits += int(fields["voluntary_ctxt_switches"])
    return waits


def memory(pid):
    """RSS and PSS in MB."""
    lines = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    fields = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines}
    return fields["Rss:"] / 1e6, fields["Pss:"] / 1e6


@contextlib.contextmanager
def measured():
    """A list that holds the seconds of the block at its end."""
    seconds = []
    began = time.monotonic()
    yield seconds
    seconds.append(time.monotonic() - began)
