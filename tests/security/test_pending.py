"""A newer version that is known and not served yet: said to those who see the document alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.models import DocumentRow
from ingestion.plan import document_id
from retrieval.lookup import list_sources
from retrieval.status import Action, ReasonCode, Status
from tests.support.clock import NOON
from tests.support.installation import TENANT, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from acl.caller import Caller
    from tests.support.installation import Installation

ANN, BOB = caller("user:ann"), caller("user:bob")
SPECS = (acl("open", allow("user:ann"), allow("user:bob")), acl("board", allow("user:bob")))
SHELF = {
    "open.txt": Shelved("The travel allowance abroad is 55 euros a day.", "open"),
    "board.txt": Shelved("The travel allowance of the board abroad is 155 euros.", "board"),
}


def settle(world: Installation, *pending: str) -> None:
    """The source is known to hold newer versions of these."""
    with world.change() as session:
        for name in SHELF:
            ident = document_id(world.runtime.secret, TENANT, "wiki", name)
            row = session.get_one(DocumentRow, (TENANT, ident))
            row.pending_since = NOON if name in pending else None


def pending(world: Installation, who: Caller) -> int:
    """Of how many documents this caller is told that a newer version is known."""
    (source,) = list_sources(world.runtime, who, request_id="r").sources
    return source.pending


def test_pending_documents_degrade_the_answers_in_which_they_are_and_no_others(
    world: Installation,
) -> None:
    world.know("user:ann", "user:bob")
    world.ingest(ListedSource("wiki", SPECS, SHELF))
    before = world.ask(ANN).model_dump_json()
    assert world.ask(ANN).status is Status.OK
    settle(world, "board.txt")
    assert world.ask(ANN).model_dump_json() == before, "what Ann cannot see tells her nothing"
    told = world.ask(BOB)
    assert (told.status, told.action) == (Status.DEGRADED, Action.ANSWER_WITH_CAVEAT)
    (reason,) = told.reasons
    (cited,) = [piece for piece in told.evidence if "155" in piece.text]
    assert reason.code is ReasonCode.PENDING_UPDATE
    assert (reason.evidence, reason.source) == ([cited.id], "wiki")
    assert [pending(world, who) for who in (ANN, BOB)] == [0, 1]
    settle(world, "open.txt")
    assert [pending(world, who) for who in (ANN, BOB)] == [1, 1]
    assert [reason.code for reason in world.ask(ANN).reasons] == [ReasonCode.PENDING_UPDATE]
    settle(world)
    assert world.ask(ANN).model_dump_json() == before
