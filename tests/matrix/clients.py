"""The programs that want credentials, each as its users have it."""

import dataclasses
import functools
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).parent
CALLER = ["sts", "get-caller-identity", "--query", "Arn", "--output", "text"]
NODE = pathlib.Path(os.environ.get("MATRIX_NODE", "/nonexistent"))
RUST = pathlib.Path(os.environ.get("MATRIX_RUST", "/nonexistent"))
DEBIAN_AWS = pathlib.Path("/usr/bin/aws")


@dataclasses.dataclass(frozen=True)
class Client:
    name: str
    command: list
    version: callable
    # Says "ready", and then for each line that comes who it is; else it asks once and ends.
    stays: bool = True
    # Knows no AWS_ENDPOINT_URL_*: it believes that it speaks to AWS, and a proxy is in between.
    needs_proxy: bool = False
    # Keeps what it got with the token in files of its own, for as long as that is good.
    remembers: bool = False
    # AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE; before there was that, the token itself had to be in the environment.
    knows_token_files: bool = True

    @functools.cached_property
    def found(self):
        """Its version, and "" where it can't be had on this machine."""
        try:
            return self.version()
        except OSError:
            return ""


def debian_version():
    """Of `aws-cli/2.9.19 Python/…`; what else may be called aws is another program."""
    said = subprocess.run([DEBIAN_AWS, "--version"], capture_output=True, text=True, check=False).stdout
    kind, _, version = said.split(" ")[0].partition("/")
    return version if kind == "aws-cli" else ""


def node_version():
    package = NODE / "node_modules/@aws-sdk/credential-providers/package.json"
    return json.loads(package.read_text())["version"]


def rust_version():
    RUST.stat()
    lock = tomllib.loads((HERE / "aws-config-client/Cargo.lock").read_text())
    return {package["name"]: package["version"] for package in lock["package"]}["aws-config"]


CLIENTS = [
    Client("boto3", [sys.executable, HERE / "ask.py"], lambda: importlib.metadata.version("boto3")),
    Client(
        "AWS CLI v1",
        [pathlib.Path(sys.executable).parent / "aws", *CALLER],
        lambda: importlib.metadata.version("awscli"),
        stays=False,
    ),
    Client(
        "AWS CLI v2 of Debian",
        [DEBIAN_AWS, *CALLER],
        debian_version,
        stays=False,
        needs_proxy=True,
        remembers=True,
        knows_token_files=False,
    ),
    Client("AWS SDK for JavaScript", ["node", "--no-warnings", NODE / "ask.mjs"], node_version),
    Client("AWS SDK for Rust", [RUST], rust_version),
]
