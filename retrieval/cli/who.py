"""Who sits at the command line, for the audit. It proves nothing and decides nothing."""

from __future__ import annotations

import getpass
import os


def operator() -> str:
    """``cli:NAME``, by the operating system's account; by its number where it has no name."""
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # KeyError until Python 3.13
        return f"cli:{os.getuid()}"
