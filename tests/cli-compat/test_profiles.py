"""The profiles that `sso-refresh profiles` writes, in the hands of the AWS CLI and boto3."""

import configparser
import sys

import pytest
from conftest import AWS
from identity_center import SESSION, ending_in

# The name of each profile, and what of its ARN says whose it is.
EXPECTED = {
    "Production-ReadOnly": ("210987654321", "ReadOnly"),
    "Sandbox-Developer": ("012345678901", "Developer"),
    "Sandbox-ReadOnly": ("012345678901", "ReadOnly"),
}
WHO_ARE_WE = """
import sys, boto3
for name in sys.argv[1:]:
    print(boto3.Session(profile_name=name).client("sts").get_caller_identity()["Arn"])
"""


@pytest.mark.parametrize("flags", [(), ("--credential-process",)])
def test_each_profile_is_the_role_that_its_name_says(machine, flags):
    machine.write_token(ending_in(machine.simulator.sign_in(), minutes=50))
    done = machine.sso_refresh("profiles", SESSION, *flags)
    assert (done.returncode, done.stderr) == (0, "")
    done = machine.run(sys.executable, "-c", WHO_ARE_WE, *EXPECTED)
    assert done.returncode == 0, done.stderr
    for arn, (account, role) in zip(done.stdout.split(), EXPECTED.values(), strict=True):
        assert f":{account}:" in arn and role in arn, arn
    assert machine.exchanges() == 0


def profiles(path):
    config = configparser.ConfigParser()
    config.read(path)
    return {name: dict(section) for name, section in config.items()}


def test_what_the_cli_sets_in_a_profile_stays(machine):
    machine.write_token(ending_in(machine.simulator.sign_in(), minutes=50))
    config = machine.home / ".aws/config"
    with open(config, "a") as file:
        file.write("[profile above]\nregion = us-east-1\n")
    assert machine.sso_refresh("profiles").returncode == 0
    # The last one in the block, too: what is set there must not get behind it.
    for name in EXPECTED:
        assert machine.run(AWS, "configure", "set", "output", "text", "--profile", name).returncode == 0
    # And the one before the block.
    assert machine.run(AWS, "configure", "set", "output", "json", "--profile", "above").returncode == 0
    before, after = profiles(config), machine.sso_refresh("profiles")
    assert (after.returncode, after.stderr) == (0, "") and profiles(config) == before
    assert machine.run(AWS, "configure", "get", "output", "--profile", "above").stdout == "json\n"
    for name in EXPECTED:
        assert machine.run(AWS, "configure", "get", "output", "--profile", name).stdout == "text\n"
