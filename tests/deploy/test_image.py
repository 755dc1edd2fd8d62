"""The Dockerfile: its linter is content, and what it names is there."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.deploy.conftest import PORT, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

DOCKERFILE: Final = ROOT / "Dockerfile"
HADOLINT: Final = Path(sys.executable).with_name("hadolint")


def steps(name: str) -> Iterator[str]:
    """The arguments of every instruction of a name, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text("utf-8"), flags=re.MULTILINE)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if line.startswith(f"{name} "):
            yield line.removeprefix(f"{name} ").strip()


def test_the_linter_finds_nothing() -> None:
    command = [HADOLINT, DOCKERFILE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert (done.returncode, done.stdout) == (0, "")


def test_both_stages_run_the_same_python() -> None:
    (python,) = (step.partition("=")[2] for step in steps("ARG") if step.startswith("PYTHON="))
    assert re.fullmatch(r"python:3\.1[12]-slim", python)
    assert [stage.partition(" AS ")[0] for stage in steps("FROM")] == ["${PYTHON}", "${PYTHON}"]


def test_every_extra_that_is_installed_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (extras,) = (step.partition("=")[2] for step in steps("ARG") if step.startswith("EXTRAS="))
    assert set(extras.split(",")) <= project["optional-dependencies"].keys()


def test_everything_installed_is_sent_to_the_build_and_nothing_else() -> None:
    sent = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    ]
    assert {"acl", "ingestion", "retrieval", "verifier", "pyproject.toml", "constraints.txt"} <= {
        *sent
    }
    assert all((ROOT / name).exists() for name in sent)
    assert not {"tests", "deploy", ".git"} & {*sent}


def test_it_runs_as_an_ordinary_user_that_owns_only_its_data() -> None:
    (user,) = steps("USER")
    assert int(user) > 0
    made = " ".join(steps("RUN"))
    assert f"--uid {user}" in made
    assert "install -d -m 0700 -o clearance -g clearance /data" in made
    assert list(steps("VOLUME")) == ["/data"]
    # Nothing of what is copied is given to that user: no step after it changes an owner.
    assert not [step for step in steps("COPY") if "--chown" in step]


def test_its_variables_are_settings(must_be_settings: Callable[[dict[str, str]], None]) -> None:
    must_be_settings(
        dict(word.split("=", 1) for step in steps("ENV") for word in shlex.split(step))
    )


def test_its_command_and_ports_exist(must_be_a_command: Callable[[Sequence[str]], None]) -> None:
    (command,) = steps("CMD")
    must_be_a_command(json.loads(command))
    assert list(steps("EXPOSE")) == [str(PORT)]
    (health,) = steps("HEALTHCHECK")
    assert f"127.0.0.1:{PORT}/livez" in health
