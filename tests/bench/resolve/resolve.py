"""Resolves the credentials of a profile, or of the container endpoint, in new sessions of botocore, as a program does that
has its SDK loaded. Prints the milliseconds of each, and the access key."""

import json
import sys
import time

import botocore.session

profile, rounds = sys.argv[1], int(sys.argv[2])
took = []
for _ in range(rounds):
    began = time.perf_counter()
    session = botocore.session.Session(profile=profile or None)
    key = session.get_credentials().get_frozen_credentials().access_key
    took.append((time.perf_counter() - began) * 1000)
print(json.dumps({"took": took, "key": key}))
