"""A terminal for the programs that behave otherwise on one."""

import os

import pytest


def open_terminal() -> tuple[int, int]:
    """The two ends of a pseudo-terminal: what a person sees, and what a program is given.

    Skips the test where the system has none, as in a container without /dev/pts.
    """
    try:
        return os.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo-terminal is to be had: {error.strerror}")
