"""What the documents show works as shown: commands are run, requests and answers are validated."""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from acl.admin.directory import add_member
from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from ingestion.jobs import SourceConfig, ingest
from ingestion.sources.acl_file import parse_acl_file
from ingestion.sources.folder import FolderSource
from retrieval.api.app import create_app
from retrieval.client.wire import TOKEN_VARIABLE, URL_VARIABLE
from retrieval.evidence import RetrieveResponse
from retrieval.mcp.tools import TOOLS
from retrieval.query import RetrieveRequest
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from retrieval.status import Action
from tests.docs.documents import DOCUMENTS, ROOT, code, fences
from tests.support.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.docs.conftest import Reader

LEAVE = "# Leave\n\nFull-time staff have 28 days of leave a year, agreed with the team lead.\n"


@pytest.mark.slow
def test_the_readme_does_what_it_says(reader: Reader) -> None:
    handbook = reader.folder / "handbook"
    handbook.mkdir()
    (handbook / "leave.md").write_text(LEAVE, encoding="utf-8")
    first, hidden, kept_current, accounted = reader.follow("README.md")
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


@pytest.fixture
def _asked_by_ann(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A service, and the environment of a user whose client asks it."""
    (tmp_path / "handbook").mkdir()
    (tmp_path / "handbook" / "leave.md").write_text(LEAVE, encoding="utf-8")
    with Runtime.open(Settings(data_dir=tmp_path / "data", embedder="hash:64")) as runtime:
        ingest(
            runtime.ingest_context(),
            FolderSource(tmp_path / "handbook", name="handbook", allow=["group:staff"]),
            tenant="acme",
            config=SourceConfig(kind="folder", config={}),
        )
        ann, scopes = Principal.parse("user:ann"), [ApiScope.RETRIEVE, ApiScope.VERIFY]
        with runtime.database.write("acme") as session:
            add_member(session, "acme", Principal.parse("group:staff"), ann, now=runtime.clock())
            key = create_key(session, "acme", ann, api_scopes=scopes, now=runtime.clock())
        with serving(create_app(runtime)) as address:
            monkeypatch.setenv("CLEARANCE_URL", address)
            monkeypatch.setenv("CLEARANCE_TOKEN", key.token)
            yield


def said_by(example: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the one example of the page that holds some words prints."""
    (shown,) = (fence.text for fence in fences("docs/agents.md") if example in fence.text)
    exec(compile(shown, "docs/agents.md", "exec"), {})  # noqa: S102 - our own page
    return [line for line in capsys.readouterr().out.splitlines() if "route=" not in line]


@pytest.mark.usefixtures("_asked_by_ann")
def test_the_client_that_is_shown_asks_and_checks(capsys: pytest.CaptureFixture[str]) -> None:
    said = said_by("import Clearance, RefusedError", capsys)
    assert said[0] == "answer"
    assert said[1].startswith("e1 Leave ")
    assert said[-1] == "supported"


@pytest.mark.usefixtures("_asked_by_ann")
def test_the_chain_that_is_shown_gives_documents_and_a_tool(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = said_by("integrations.langchain", capsys)
    assert said[0] == "Leave"
    assert any(
        line.endswith("28 days of leave a year, agreed with the team lead.") for line in said
    )


@pytest.mark.usefixtures("_asked_by_ann")
def test_the_nodes_that_are_shown_are_cited(capsys: pytest.CaptureFixture[str]) -> None:
    assert said_by("integrations.llamaindex", capsys) == ["Leave answer"]


@pytest.mark.usefixtures("_asked_by_ann")
def test_the_pipeline_that_is_shown_says_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAYSTACK_TELEMETRY_ENABLED", "False")
    assert said_by("integrations.haystack import", capsys) == ["answer Leave"]


@pytest.mark.usefixtures("_asked_by_ann")
def test_the_functions_that_are_shown_answer_and_refuse(
    capsys: pytest.CaptureFixture[str],
) -> None:
    names, answer, refusal = said_by("integrations.functions", capsys)
    assert all(name in names for name in TOOLS)
    assert json.loads(answer)["action"] == "answer"
    assert list(json.loads(refusal)["errors"]) == ["tenant"]


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
    known |= {URL_VARIABLE, TOKEN_VARIABLE}
    for document in DOCUMENTS:
        # Those of the tests are no settings: the service does not read them.
        named = set(re.findall(r"CLEARANCE_(?!TEST_)\w+", (ROOT / document).read_text("utf-8")))
        assert named <= known, document
