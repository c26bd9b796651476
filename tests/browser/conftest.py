"""A machine with an Identity Center, a home directory, both AWS CLIs, the program under test and Chromium."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import identity_center
import pytest
from selenium import webdriver
from waiting import PATIENCE, wait_for

HERE = pathlib.Path(__file__).parent
SSO_REFRESH = os.environ["SSO_REFRESH_BIN"]
AWS = str(pathlib.Path(sys.executable).parent / "aws")


class Machine:
    def __init__(self, home, url):
        self.home = home
        self.simulator = identity_center.Simulator(url)
        self.token_file = identity_center.configure(home)
        self.cache = self.token_file.parent
        theirs = {"BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"}
        environment = identity_center.environment(home, url)
        self.environment = {name: value for name, value in environment.items() if name not in theirs}
        # It writes the address down for Chromium, which is here already.
        self.tab = home / "tab"
        script = home / "browser"
        script.write_text(f'echo "$1" >"{self.tab}.new" && mv "{self.tab}.new" "{self.tab}"\n')
        self.environment["BROWSER"] = f"/bin/sh {script}"
        (home / "run").mkdir(mode=0o700)

    def by_itself(self):
        """From now on the browser is one that needs nobody."""
        # In one word: Python takes no arguments in BROWSER.
        script = self.home / "visit"
        # And in the background: the AWS CLI does nothing else until its browser has ended.
        visit = f'"{sys.executable}" "{HERE / "visit.py"}" "$1"'
        script.write_text(f"#!/bin/sh\n{visit} </dev/null >/dev/null 2>&1 &\n")
        script.chmod(0o700)
        self.environment["BROWSER"] = str(script)

    def run(self, *command, **environment):
        done = subprocess.run(
            command,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def sso_refresh(self, *arguments):
        return self.run(SSO_REFRESH, *arguments)

    def aws(self, *arguments):
        """The JSON that the AWS CLI v1 prints."""
        return json.loads(self.run(AWS, *arguments, "--output", "json"))

    def aws_v2(self, *arguments):
        return self.run(sys.executable, "-m", "awscli", *arguments, PYTHONPATH=os.environ["AWS_CLI_V2"])

    def token(self):
        return json.loads(self.token_file.read_text())

    def registration(self):
        """The one file beside the token."""
        [path] = [path for path in self.cache.glob("*.json") if path != self.token_file]
        return json.loads(path.read_text())

    @contextlib.contextmanager
    def login(self, *flags):
        """`sso-refresh login` and the address that it opens; the block must end it well."""
        self.tab.unlink(missing_ok=True)
        command = [SSO_REFRESH, "login", *flags]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        with subprocess.Popen(command, env=self.environment, text=True, **pipes) as process:
            try:
                wait_for("a tab", self.tab.exists)
                process.url = self.tab.read_text().strip()
                yield process
                process.said = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()


@contextlib.contextmanager
def machine_with(*flags):
    # Not pytest's tmp_path: the path of a socket has 100 bytes at most.
    with tempfile.TemporaryDirectory(prefix="sso-") as home, identity_center.simulate(*flags) as url:
        yield Machine(pathlib.Path(home), url)


@pytest.fixture
def machine():
    """Its user has to approve."""
    with machine_with("--interval", "0s") as machine:
        yield machine


@pytest.fixture
def willing():
    """Its user approves everything at once."""
    with machine_with("--interval", "0s", "--auto-approve") as machine:
        machine.by_itself()
        yield machine


@pytest.fixture(scope="session")
def chromium():
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    flags = [
        "--headless=new",
        "--no-sandbox",  # root has none
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        "--window-size=900,700",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        # Nothing but this machine can be reached.
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    ]
    for flag in flags:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    driver.set_page_load_timeout(PATIENCE)
    yield driver
    driver.quit()


@pytest.fixture(params=["light", "dark"])
def browser(request, chromium):
    """Chromium in a system that is light or dark, with an empty console."""
    scheme = {"features": [{"name": "prefers-color-scheme", "value": request.param}]}
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", scheme)
    chromium.scheme = request.param
    chromium.get("about:blank")
    chromium.get_log("browser")
    yield chromium


@pytest.fixture
def picture(browser):
    """Keeps a picture of the page under a name, where pictures are wanted."""
    folder = os.environ.get("SCREENSHOTS")

    def take(name):
        if folder:
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
            browser.save_screenshot(f"{folder}/{name}-{browser.scheme}.png")

    return take
