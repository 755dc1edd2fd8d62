"""What one request worked out speeds up the next, and never decides what it may see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from acl.audit.models import AuditRow, Stream
from ingestion.index.memory import MemoryHost
from retrieval.pipeline import retrieve
from retrieval.query import RetrieveRequest
from retrieval.resilience import deadline
from retrieval.resilience.deadline import Deadline, DeadlineExceededError
from tests.security.test_flags import switch
from tests.support.faults import FaultyHost as CountingHost
from tests.support.faults import Switch
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import Blank

ANN = caller("user:ann")
STAFF = [acl("staff", allow("group:staff"))]


class Asked(Switch):
    """Lets everything through, and counts."""

    def __init__(self) -> None:
        super().__init__(RuntimeError)
        self.times = 0

    def before(self) -> None:
        """Count it."""
        self.times += 1


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def world(blank_catalogue: Blank, tmp_path: Path, asked: Asked) -> Iterator[Installation]:
    host = CountingHost(MemoryHost(), asked)
    with Installation.open(blank_catalogue, tmp_path / "world", host=host) as opened:  # type: ignore[arg-type] - passes all on
        opened.join("group:staff", "user:ann", "user:bob")
        put(opened, "wiki", "The travel allowance abroad is 55 euros.")
        put(opened, "mail", "Your travel allowance abroad was paid.")
        yield opened


def put(world: Installation, source: str, *texts: str) -> None:
    shelf = {str(number): Shelved(text, "staff") for number, text in enumerate(texts)}
    world.ingest(ListedSource(source, STAFF, shelf))


def test_the_same_question_of_the_same_view_is_searched_once(
    world: Installation, asked: Asked
) -> None:
    first = world.ask(ANN)
    searched = asked.times
    second = world.ask(ANN)
    assert asked.times == searched
    assert second.evidence == first.evidence
    assert second.search == first.search
    world.ask(caller("user:bob"))
    assert asked.times > searched, "a colleague's question is their own, whoever asked before"


def test_what_is_new_is_found_by_the_next_question(world: Installation) -> None:
    before = world.texts(ANN)
    put(world, "wiki", "The travel allowance abroad is 55 euros.", "Travel allowance: 99 abroad.")
    assert len(world.texts(ANN)) == len(before) + 1


def test_what_is_revoked_is_gone_from_the_next_answer(world: Installation) -> None:
    assert world.texts(ANN)
    world.leave("group:staff", "user:ann")
    assert world.texts(ANN) == []


def test_a_source_goes_and_comes_back_with_the_next_question(
    world: Installation, asked: Asked
) -> None:
    switch(world, "source:mail", "off")
    assert len(world.texts(ANN)) == 1
    searched = asked.times
    assert len(world.texts(ANN)) == 1
    assert asked.times > searched, "under sources of their own nothing is remembered"
    switch(world, "source:mail", None)
    assert len(world.texts(ANN)) == 2
    switch(world, "source:mail", "off")
    assert len(world.texts(ANN)) == 1


def test_filters_neither_leave_anything_behind_nor_are_forgotten(world: Installation) -> None:
    assert len(world.texts(ANN, sources=["mail"])) == 1
    assert len(world.texts(ANN)) == 2
    assert len(world.texts(ANN, sources=["wiki"])) == 1


def test_what_comes_too_late_is_not_served_and_the_audit_says_so(
    world: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = RetrieveRequest(query="travel allowance abroad", min_relevance=0)
    late = iter([True])
    monkeypatch.setattr("retrieval.account.time_left", lambda: not next(late, False))
    monkeypatch.setattr("retrieval.account.require_time", _out_of_time)
    with deadline.bound(Deadline.after(60)), pytest.raises(DeadlineExceededError):
        retrieve(world.runtime, ANN, told, request_id="late")
    with world.runtime.audit_database.read(TENANT) as session:
        ours = select(AuditRow.kind).where(AuditRow.stream == Stream.ACCESS.value)
        kinds = session.scalars(ours.order_by(AuditRow.seq)).all()
    assert kinds[-2:] == ["query", "withdrawn"]


def _out_of_time() -> None:
    raise DeadlineExceededError("time ran out")
