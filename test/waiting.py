"""Waiting for what another process or thread does, where no event tells of it."""

import time


def wait_for(condition, timeout_s=120, told=lambda: ''):
    """Return when the condition holds; fail with what is told if it does not in time."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, told()
        time.sleep(0.02)
