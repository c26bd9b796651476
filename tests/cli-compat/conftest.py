"""A machine with an Identity Center, a home directory, the AWS CLI and the daemon under test."""

import json
import pathlib
import sys
import tempfile

import identity_center
import machine as base
import pytest

AWS = str(pathlib.Path(sys.executable).parent / "aws")


class Machine(base.Machine):
    def __init__(self, home, url):
        super().__init__(home, url)
        self.token_file = identity_center.configure(home)
        # As managers of dotfiles have it. A change of the link's target is seen by none who watches the folder.
        link = self.config
        self.config = home / "dotfiles"
        link.parent.mkdir(parents=True)
        link.symlink_to(self.config)

    def aws(self, *arguments):
        """The JSON that the AWS CLI prints."""
        done = self.run(AWS, *arguments, "--output", "json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def write_token(self, token):
        identity_center.write_token(self.token_file, token)

    def token(self):
        return json.loads(self.token_file.read_text())


@pytest.fixture
def machine():
    # Not pytest's tmp_path: the path of a socket has 100 bytes at most.
    with tempfile.TemporaryDirectory(prefix="sso-") as home, identity_center.simulate("--single-use") as url:
        yield Machine(pathlib.Path(home), url)
