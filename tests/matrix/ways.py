"""The ways on which credentials come to a client."""

import dataclasses

from machine import SSO_REFRESH


@dataclasses.dataclass(frozen=True)
class Way:
    name: str
    # The environment of the client, and what stands before its command: functions of the machine and the profile.
    environment: callable
    wrapper: callable = lambda profile: []
    # The client takes the token and asks the portal by itself.
    by_itself: bool = False


TOKEN_FILE = Way("token file", lambda machine, profile: {"AWS_PROFILE": profile}, by_itself=True)
PROCESS = Way("`credential_process`", lambda machine, profile: {"AWS_PROFILE": f"{profile}-always"})
WAYS = [TOKEN_FILE, PROCESS]
