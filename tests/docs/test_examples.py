"""What the documents show works as shown: commands are run, requests and answers are validated."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ingestion.sources.acl_file import parse_acl_file
from retrieval.evidence import RetrieveResponse
from retrieval.mcp.tools import TOOLS
from retrieval.query import RetrieveRequest
from retrieval.status import Action
from tests.docs.documents import DOCUMENTS, ROOT, code, fences

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAVE = "# Leave\n\nFull-time staff have 28 days of leave a year, agreed with the team lead.\n"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where the README's reader stands: a folder with documents, and the command on the path."""
    (tmp_path / "handbook").mkdir()
    (tmp_path / "handbook" / "leave.md").write_text(LEAVE, encoding="utf-8")
    data = tmp_path / "data"
    yield {
        **{name: value for name, value in os.environ.items() if "CLEARANCE" not in name},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CLEARANCE_DATA_DIR": str(data),
        "CLEARANCE_EMBEDDER": "hash:64",
    }
    lock = data / "index" / "process.lock"
    if lock.exists() and lock.read_text():
        os.kill(int(lock.read_text()), signal.SIGTERM)


@pytest.mark.slow
def test_the_readme_does_what_it_says(tmp_path: Path, environment: dict[str, str]) -> None:
    outputs = []
    for fence in fences("README.md"):
        if fence.mark == "run":
            done = subprocess.run(  # noqa: S603 - the project's own README
                ["bash", "-euc", fence.text],  # noqa: S607 - as its reader would
                cwd=tmp_path,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, fence.text + done.stderr
            outputs.append(done.stdout)
    first, hidden, kept_current, accounted = outputs
    assert "28 days" in first
    assert "28 days" not in hidden
    assert hidden.count("no evidence") == 2
    assert "generation" in kept_current
    assert "nothing to change" in accounted
    assert "user:ann sees it" in accounted
    assert accounted.count("intact") == 2


def test_the_acl_file_of_the_readme_says_what_its_comments_say() -> None:
    (fence,) = (fence for fence in fences("README.md") if fence.mark == "acl")
    shown = parse_acl_file(fence.text.encode(), file=".acl.yaml")
    assert shown.inherit
    assert [(e.effect, e.principal, e.expires_at is not None) for e in shown.entries] == [
        ("allow", "group:loans", False),
        ("allow", "user:ann", True),
        ("deny", "group:contractors", False),
    ]
    rule = shown.rule_for("salaries-2026.csv")
    assert rule is not None
    assert not rule.inherit


def test_every_json_example_is_json() -> None:
    for document in DOCUMENTS:
        for fence in fences(document):
            if fence.language == "json":
                json.loads(fence.text)


def test_every_request_that_is_shown_is_accepted() -> None:
    bodies = [
        word
        for document in DOCUMENTS
        for fence in fences(document)
        if "curl" in fence.text
        for word in shlex.split(fence.text)
        if word.startswith("{")
    ]
    assert len(bodies) >= 2
    for body in bodies:
        RetrieveRequest.model_validate_json(body)


def test_the_answer_that_is_shown_is_one() -> None:
    (example,) = (fence.text for fence in fences("docs/agents.md") if '"request_id"' in fence.text)
    answer = RetrieveResponse.model_validate_json(example)
    cited = answer.evidence[0].citation
    assert cited.end - cited.start == len(answer.evidence[0].text)


def test_agents_are_told_of_every_tool_argument_and_action() -> None:
    told = set(code("docs/agents.md"))
    assert set(TOOLS) <= told
    for tool in TOOLS.values():
        assert set(tool.arguments.model_fields) <= told, tool.name
    assert {action.value for action in Action} <= told


def test_every_setting_that_is_named_exists() -> None:
    known = set(re.findall(r"CLEARANCE_\w+", (ROOT / "docs/settings.md").read_text("utf-8")))
    for document in DOCUMENTS:
        named = set(re.findall(r"CLEARANCE_\w+", (ROOT / document).read_text("utf-8")))
        assert named <= known, document
