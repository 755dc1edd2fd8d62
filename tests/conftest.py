"""What holds for the whole suite: Hypothesis profiles, no network, one blank catalogue."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The builders under ``tests.support`` are imported by name, from wherever pytest was started.
_ROOT = str(Path(__file__).resolve().parent.parent)
if _ROOT not in sys.path:
    sys.path.insert(0, _ROOT)

from tests.support.installation import make_blank_catalogue  # noqa: E402 - needs the path above

# Building a world takes longer than Hypothesis thinks an input should, and a loaded machine is
# not a failure: no deadline, and no complaint about slow generation.
settings.register_profile(
    "dev", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "ci",
    max_examples=100,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Confine every test to this machine; tests of servers and of the index process use it."""
    config.option.allow_hosts = "127.0.0.1,::1,localhost"
    config.option.allow_unix_socket = True


@pytest.fixture(scope="session")
def blank_catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty catalogue at the current schema with a known secret: copy it, never open it."""
    path = tmp_path_factory.mktemp("blank") / "catalogue.sqlite"
    make_blank_catalogue(path)
    return path
