"""The ways on which credentials come to a client."""

import dataclasses
import pathlib

from machine import SSO_REFRESH


@dataclasses.dataclass(frozen=True)
class Way:
    name: str
    # Of the machine, the client and the profile.
    environment: callable
    # What stands before the client's command, for the profile.
    wrapper: callable = lambda profile: []
    # The client takes the token and asks the portal by itself.
    by_itself: bool = False


def through_the_endpoint(machine, client, profile):
    uri = f"http://{machine.endpoint['address']}/v1/credentials/{profile}"
    token = machine.endpoint["token_file"]
    if client.knows_token_files:
        known = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": token}
    else:
        known = {"AWS_CONTAINER_AUTHORIZATION_TOKEN": pathlib.Path(token).read_text()}
    return {"AWS_CONTAINER_CREDENTIALS_FULL_URI": uri} | known


TOKEN_FILE = Way("token file", lambda machine, client, profile: {"AWS_PROFILE": profile}, by_itself=True)
PROCESS = Way("`credential_process`", lambda machine, client, profile: {"AWS_PROFILE": f"{profile}-always"})
ENDPOINT = Way("container endpoint", through_the_endpoint)
EXEC = Way(
    "`sso-refresh exec`",
    lambda machine, client, profile: {},
    lambda profile: [SSO_REFRESH, "exec", "--profile", profile, "--"],
)
WAYS = [TOKEN_FILE, PROCESS, ENDPOINT, EXEC]
