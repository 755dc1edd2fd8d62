"""What deployments are held to: settings and commands that exist, and the image's port."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from typer.testing import CliRunner

from retrieval.cli.app import app
from retrieval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT: Final = Path(__file__).parents[2]
PREFIX: Final = "CLEARANCE_"
PORT: Final = 8321


@pytest.fixture
def must_be_settings() -> Callable[[dict[str, str]], None]:
    """Fails for a variable of ours that is no setting, or whose value is none it can have."""

    def check(environment: dict[str, str]) -> None:
        ours = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environment.items()
            if name.startswith(PREFIX)
        }
        assert ours.keys() <= Settings.model_fields.keys()
        Settings.model_validate(ours)

    return check


@pytest.fixture
def must_be_a_command() -> Callable[[Sequence[str]], None]:
    """Fails for a call of ``clearance`` whose command or options it does not have."""

    def check(words: Sequence[str]) -> None:
        program, *rest = words
        assert program == "clearance"
        shown = CliRunner().invoke(app, [rest[0], "--help"], env={"COLUMNS": "200"})
        assert shown.exit_code == 0, words
        for option in (word for word in rest[1:] if word.startswith("--")):
            assert re.search(rf"{re.escape(option)}\b", shown.output), option

    return check
