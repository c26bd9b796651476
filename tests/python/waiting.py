"""Waiting that ends."""

import time

# How long anything may take on a busy machine.
PATIENCE = 60


def wait_for(what, look, seconds=PATIENCE):
    """What `look` returns as soon as that is true; looked for once more at the end of the time."""
    deadline = time.monotonic() + seconds
    while True:
        late = time.monotonic() > deadline
        if found := look():
            return found
        assert not late, f"not within {seconds} s: {what}"
        time.sleep(0.02)
