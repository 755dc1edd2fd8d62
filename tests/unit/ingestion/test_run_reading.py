"""Which documents a run parses itself, and what becomes of one that will not be parsed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from ingestion.documents import RawDocument, SourceItem
from ingestion.jobs import SourceConfig, ingest
from ingestion.parsing import guarded
from ingestion.run.reading import LIGHT_BYTES, is_light
from retrieval.settings import Settings
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import Shelved
from tests.unit.ingestion.shelves import SHELF, counts, listed

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.report import RunReport
    from tests.support.catalogue import Blank

PAGE = "<html><body><p>The canteen opens at noon.</p></body></html>"


@pytest.mark.parametrize(
    ("name", "media_type", "content", "light"),
    [
        ("a.md", None, b"# A note", True),
        ("a.txt", None, b"A note", True),
        ("a", "text/plain; charset=utf-8", b"A note", True),
        ("a", None, b"A note", False),
        ("a.md", None, b"%PDF-1.7 in disguise", False),
        ("a.md", "text/html", b"<p>A page", False),
        ("a.html", None, b"<p>A page", False),
        ("a.csv", None, b"a,b", False),
        ("a.md", None, b"x" * (LIGHT_BYTES + 1), False),
    ],
)
def test_only_plain_text_of_moderate_size_is_parsed_in_the_process(
    name: str, media_type: str | None, content: bytes, light: bool
) -> None:
    item = SourceItem(name, "memory://x", "staff", len(content), None, media_type)
    assert is_light(RawDocument(item, content)) is light


def test_a_run_over_notes_starts_no_process(
    world: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(guarded, "WorkerProcess", refuse)
    assert counts(world.ingest(listed())) == {"listed": 3, "added": 3}


def run(world: Installation, shelf: dict[str, Shelved], *, seconds: float) -> RunReport:
    context = replace(world.runtime.ingest_context(), parse_seconds=seconds)
    return ingest(
        context, listed(shelf), tenant=TENANT, config=SourceConfig("memory", {}), full=True
    )


def test_an_operator_says_how_long_and_how_many_at_once(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    with Installation.open(blank_catalogue, tmp_path, parse_seconds=5, parse_workers=1) as world:
        context = world.runtime.ingest_context()
        assert (context.parse_seconds, context.parse_workers) == (5, 1)


@pytest.mark.parametrize(
    "given", [{"parse_seconds": 0.5}, {"parse_seconds": 3_601}, {"parse_workers": 0}]
)
def test_both_are_bounded(given: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(given))):
        Settings.model_validate(given)


def test_a_parser_that_takes_too_long_is_killed_and_costs_one_document(
    world: Installation,
) -> None:
    page = Shelved(PAGE, "staff")
    plain = {name: document for name, document in SHELF.items() if name != "a.md"}
    shelf = {"a.html": page} | plain
    slow = run(world, shelf, seconds=0.000_001)
    assert [(f.external_id, f.code) for f in slow.failures] == [("a.html", "timeout")]
    assert slow.added == 2
    assert run(world, shelf, seconds=60).added == 1
    assert any("opens at noon" in text for text in world.texts(caller(), "canteen"))
