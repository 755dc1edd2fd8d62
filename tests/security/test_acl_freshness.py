"""Permissions that mirror another system close once nobody has confirmed them in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acl.admin.freshness import limit_age
from ingestion.errors import SourceError
from retrieval.lookup import list_sources
from retrieval.status import Action, ReasonCode, Status
from tests.support.clock import HOUR, NOON
from tests.support.installation import TENANT, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.documents import SourceItem
    from retrieval.evidence import RetrieveResponse
    from tests.support.installation import Installation

ANN, BOB = caller("user:ann"), caller("user:bob")
TEXT = "The travel allowance abroad is 55 euros a day."
OTHER = "The travel allowance for trainees abroad is paid in advance."
SPECS = (
    acl("mirror", allow("user:ann")),
    acl("mirror/below", allow("user:ann"), parent="mirror"),
    acl("mirror/apart", allow("user:ann"), parent="mirror", inherit=False),
)
FOUR_HOURS = 4 * 3600


def shelf(*names: str) -> dict[str, Shelved]:
    """One document under each ACL."""
    return {f"{name.replace('/', '-')}.txt": Shelved(f"{TEXT} {name}", name) for name in names}


@pytest.fixture
def mirrored(world: Installation) -> Installation:
    """A source whose permissions may be four hours old, beside one without such a limit."""
    world.know("user:ann", "user:bob")
    world.ingest(ListedSource("mirror", SPECS, shelf("mirror")), acl_max_age_seconds=FOUR_HOURS)
    own = ListedSource("own", (acl("own", allow("user:ann")),), {"own.txt": Shelved(OTHER, "own")})
    world.ingest(own)
    return world


def served(answer: RetrieveResponse) -> set[str]:
    """The sources of what an answer cites."""
    return {piece.citation.source for piece in answer.evidence}


def told(answer: RetrieveResponse) -> list[tuple[ReasonCode, str | None]]:
    """Reasons that speak of permissions that are too old."""
    return [(r.code, r.source) for r in answer.reasons if r.code is ReasonCode.ACL_STALE]


def test_a_source_closes_at_the_very_instant_its_permissions_are_too_old(
    mirrored: Installation,
) -> None:
    mirrored.clock.now = NOON + 4 * HOUR - HOUR / 3600
    assert served(mirrored.ask(ANN)) == {"mirror", "own"}
    mirrored.clock.now = NOON + 4 * HOUR
    closed = mirrored.ask(ANN)
    assert served(closed) == {"own"}
    assert (closed.status, told(closed)) == (
        Status.DEGRADED,
        [(ReasonCode.ACL_STALE, "mirror")],
    )


def test_an_answer_that_only_a_closed_source_could_give_asks_to_retry(
    mirrored: Installation,
) -> None:
    mirrored.clock.now = NOON + 5 * HOUR
    answer = mirrored.ask(ANN, sources=["mirror"])
    assert (answer.status, answer.action) == (Status.NO_EVIDENCE, Action.RETRY_LATER)
    assert told(answer) == [(ReasonCode.ACL_STALE, "mirror")]
    assert told(mirrored.ask(ANN, sources=["own"])) == []


def test_whoever_the_source_never_admitted_is_not_told_that_it_is_closed(
    mirrored: Installation,
) -> None:
    before = mirrored.ask(BOB).model_dump(exclude={"receipt", "receipt_id"})
    mirrored.clock.now = NOON + 5 * HOUR
    assert mirrored.ask(BOB).model_dump(exclude={"receipt", "receipt_id"}) == before


def test_a_closed_source_without_anything_in_it_is_not_spoken_of(mirrored: Installation) -> None:
    mirrored.ingest(ListedSource("mirror", SPECS, {}))
    mirrored.clock.now = NOON + 5 * HOUR
    assert told(mirrored.ask(ANN)) == []


def test_what_inherits_from_permissions_that_are_too_old_closes_with_them(
    world: Installation,
) -> None:
    world.know("user:ann")
    names = ("mirror", "mirror/below", "mirror/apart")
    world.ingest(ListedSource("mirror", SPECS[:1], shelf("mirror")), acl_max_age_seconds=FOUR_HOURS)
    # The same ACLs, kept by another source without a limit: only the chain decides.
    world.ingest(ListedSource("below", SPECS[1:], shelf(*names[1:])))
    world.clock.now = NOON + 5 * HOUR
    assert {piece.text.rsplit(" ", 1)[-1] for piece in world.ask(ANN).evidence} == {"mirror/apart"}


def test_a_completed_run_opens_the_source_again(mirrored: Installation) -> None:
    mirrored.clock.now = NOON + 5 * HOUR
    assert served(mirrored.ask(ANN)) == {"own"}
    mirrored.ingest(ListedSource("mirror", SPECS, shelf("mirror")))
    assert served(mirrored.ask(ANN)) == {"mirror", "own"}


class _BrokenOff(ListedSource):
    """A source whose listing fails after its permissions were read."""

    def list_items(self) -> Iterator[SourceItem]:
        raise SourceError("the listing broke off")


def test_a_run_that_fails_confirms_nothing(mirrored: Installation) -> None:
    mirrored.clock.now = NOON + 5 * HOUR
    with pytest.raises(SourceError):
        mirrored.ingest(_BrokenOff("mirror", SPECS, {}))
    assert served(mirrored.ask(ANN)) == {"own"}


def test_permissions_are_as_old_as_the_beginning_of_the_run_that_read_them(
    mirrored: Installation,
) -> None:
    class Slow(ListedSource):
        def fetch(self, item: SourceItem) -> bytes:
            mirrored.clock.now += 3 * HOUR
            return super().fetch(item)

    mirrored.ingest(Slow("mirror", SPECS, shelf("mirror")))
    mirrored.clock.now = NOON + 4 * HOUR
    assert served(mirrored.ask(ANN)) == {"own"}


def test_a_limit_set_before_anything_was_confirmed_closes_at_once(world: Installation) -> None:
    world.know("user:ann")
    world.ingest(ListedSource("mirror", SPECS, shelf("mirror")))
    assert served(world.ask(ANN)) == {"mirror"}
    with world.change() as session:
        limit_age(session, TENANT, "mirror", max_age_seconds=60, now=world.clock())
    assert served(world.ask(ANN)) == set()
    with world.change() as session:
        limit_age(session, TENANT, "mirror", max_age_seconds=None, now=world.clock())
    assert served(world.ask(ANN)) == {"mirror"}


def test_a_closed_source_is_listed_to_nobody(mirrored: Installation) -> None:
    mirrored.clock.now = NOON + 5 * HOUR
    listed = list_sources(mirrored.runtime, ANN, request_id="r").sources
    assert [source.name for source in listed] == ["own"]


class _Unreadable(ListedSource):
    """A source one of whose documents has moved and can no longer be read."""

    def fetch(self, item: SourceItem) -> bytes:
        if item.external_id == "moved.txt":
            raise SourceError("moved.txt: permission denied")
        return super().fetch(item)


def test_a_document_that_moved_and_cannot_be_read_is_not_served_by_its_former_permissions(
    world: Installation,
) -> None:
    world.know("user:ann")
    specs = (acl("open", allow("user:ann")), acl("board", allow("user:bob")))
    kept = {"kept.txt": Shelved(OTHER, "open")}
    world.ingest(ListedSource("wiki", specs, {**kept, "moved.txt": Shelved(TEXT, "open")}))
    assert TEXT in world.texts(ANN)
    report = world.ingest(_Unreadable("wiki", specs, {**kept, "moved.txt": Shelved(TEXT, "board")}))
    assert world.texts(ANN) == [OTHER]
    assert report.closed == 1
