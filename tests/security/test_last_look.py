"""Nothing leaves unrecorded, and the rights are looked at after the record, last of all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from acl.admin.acls import revoke
from acl.audit.events import EventKind
from acl.audit.models import AuditRow, Stream
from acl.entries import Effect
from acl.errors import AuditError, NotFoundError
from acl.principal import Principal
from retrieval.lookup import get_evidence
from retrieval.mcp.tools import TOOLS
from retrieval.query import RetrieveRequest
from retrieval.records import ReceiptRow
from retrieval.status import Status
from retrieval.toolbox import EvidenceArguments
from retrieval.verify import CitationResult, VerifyRequest, verify_claims
from tests.support.clock import HOUR, NOON
from tests.support.installation import TENANT, caller
from tests.support.source import ListedSource, Shelved, acl, allow
from verifier.support import SupportVerdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from acl.audit.events import Event
    from acl.audit.ledger import Ledger, Rows
    from tests.support.installation import Installation

ANN = caller("user:ann")
TEXT = "The travel allowance abroad is 55 euros a day."
KEPT = "The travel agency of the branch books all journeys abroad."


class WatchedLedger:
    """A ledger that does something when an event has become durable, or fails."""

    def __init__(
        self, inner: Ledger, then: Callable[[], object], *, kinds: tuple[str, ...]
    ) -> None:
        self._inner = inner
        self._then = then
        self._kinds = kinds
        self.seen: list[str] = []

    def record(self, tenant: str, event: Event, rows: Rows = ()) -> None:
        """Record, then act."""
        self._inner.record(tenant, event, rows)
        self.seen.append(event.kind)
        if event.kind in self._kinds:
            self._kinds = ()
            self._then()

    def close(self) -> None:
        """Close the inner ledger."""
        self._inner.close()


@pytest.fixture
def filled(world: Installation) -> Installation:
    """Two documents under two ACLs."""
    world.know("user:ann")
    specs = (acl("a", allow("user:ann", NOON + HOUR)), acl("kept", allow("user:ann")))
    shelf = {"travel.txt": Shelved(TEXT, "a"), "kept.txt": Shelved(KEPT, "kept")}
    world.ingest(ListedSource("wiki", specs, shelf))
    return world


def take_away(world: Installation) -> None:
    """Take the grant on one of the two back."""
    with world.change() as session:
        revoke(session, TENANT, "a", Effect.ALLOW, Principal.parse("user:ann"))


def watch(world: Installation, then: Callable[[], object], kind: EventKind) -> WatchedLedger:
    """Let something happen between the record and the last look."""
    ledger = WatchedLedger(world.runtime.ledger, then, kinds=(kind,))
    world.runtime.ledger = ledger  # type: ignore[assignment]  # the same two methods
    return ledger


def chunk_of(world: Installation, text: str) -> str:
    """The chunk id of a visible text."""
    return next(piece.chunk_id for piece in world.ask(ANN).evidence if piece.text == text)


def claim_of(text: str, chunk: str) -> VerifyRequest:
    """A claim that quotes a piece in full."""
    cited = {"chunk_id": chunk, "quote": text}
    return VerifyRequest.model_validate({"claims": [{"text": text, "citations": [cited]}]})


def test_a_grant_taken_back_after_the_record_is_obeyed_and_the_record_withdrawn(
    filled: Installation,
) -> None:
    ledger = watch(filled, lambda: take_away(filled), EventKind.QUERY)
    answer = filled.ask(ANN)
    assert [piece.text for piece in answer.evidence] == [KEPT]
    assert ledger.seen == ["query", "withdrawn", "query"]


def test_a_grant_that_expires_after_the_record_is_obeyed(filled: Installation) -> None:
    def expire() -> None:
        filled.clock.now = NOON + HOUR

    watch(filled, expire, EventKind.QUERY)
    assert filled.texts(ANN) == [KEPT]


def test_evidence_by_its_id_is_looked_at_last_too(filled: Installation) -> None:
    chunk = chunk_of(filled, TEXT)
    ledger = watch(filled, lambda: take_away(filled), EventKind.EVIDENCE)
    with pytest.raises(NotFoundError):
        get_evidence(filled.runtime, ANN, chunk, request_id="r")
    assert ledger.seen == ["evidence", "withdrawn"]


def test_a_check_of_claims_is_looked_at_last_too(filled: Installation) -> None:
    request = claim_of(TEXT, chunk_of(filled, TEXT))
    ledger = watch(filled, lambda: take_away(filled), EventKind.VERIFY)
    (claim,) = verify_claims(filled.runtime, ANN, request, request_id="r").claims
    assert [one.result for one in claim.citations] == [CitationResult.NOT_FOUND]
    assert ledger.seen == ["verify", "withdrawn", "verify"]


def unsettle(world: Installation, kind: EventKind) -> WatchedLedger:
    """Let the rights change after every record of a kind, without end."""

    class Restless(WatchedLedger):
        def record(self, tenant: str, event: Event, rows: Rows = ()) -> None:
            super().record(tenant, event, rows)
            if event.kind == kind:
                self.seen.append("moved")
                with world.change() as session:
                    name = Principal.parse("user:ann")
                    revoke(session, TENANT, "a", Effect.ALLOW, name)
                world.ingest(
                    ListedSource(
                        f"more{len(self.seen)}",
                        (acl(f"more{len(self.seen)}", allow("user:ann")),),
                        {},
                    )
                )

    ledger = Restless(world.runtime.ledger, lambda: None, kinds=())
    world.runtime.ledger = ledger  # type: ignore[assignment]  # the same two methods
    return ledger


def test_rights_that_change_without_end_end_in_no_evidence(filled: Installation) -> None:
    unsettle(filled, EventKind.QUERY)
    answer = filled.ask(ANN)
    assert (answer.status, answer.evidence) == (Status.NO_EVIDENCE, [])


def test_rights_that_change_without_end_end_in_a_check_that_finds_nothing_and_is_recorded(
    filled: Installation,
) -> None:
    request = claim_of(KEPT, chunk_of(filled, KEPT))
    ledger = unsettle(filled, EventKind.VERIFY)
    checked = verify_claims(filled.runtime, ANN, request, request_id="r")
    [claim] = checked.claims
    assert (claim.verdict, claim.best) == (SupportVerdict.NOT_ENOUGH, None)
    assert [one.result for one in claim.citations] == [CitationResult.NOT_FOUND]
    assert ledger.seen == ["verify", "moved", "withdrawn"] * 3 + ["verify", "moved"]
    with filled.runtime.audit_database.read(TENANT) as session:
        stream = select(AuditRow).where(AuditRow.stream == Stream.ACCESS)
        last = session.scalars(stream.order_by(AuditRow.seq.desc())).first()
    assert last is not None
    told = json.loads(last.body)
    assert (told["evidence"], told["citations"]) == ([], {"not_found": 1})


def refuse(_tenant: str, _event: Event, _rows: Rows = ()) -> None:
    """A ledger whose disk is full."""
    raise AuditError("the audit cannot be written, so nothing is served")


def test_what_cannot_be_recorded_is_not_served(filled: Installation) -> None:
    chunk = chunk_of(filled, TEXT)
    filled.runtime.ledger.record = refuse  # type: ignore[method-assign]  # the failure
    with pytest.raises(AuditError):
        filled.ask(ANN)
    with pytest.raises(AuditError):
        get_evidence(filled.runtime, ANN, chunk, request_id="r")
    with pytest.raises(AuditError):
        verify_claims(filled.runtime, ANN, claim_of(TEXT, chunk), request_id="r")


def test_no_tool_of_an_agent_shows_what_cannot_be_recorded(filled: Installation) -> None:
    chunk = chunk_of(filled, TEXT)
    calls = {
        "retrieve": RetrieveRequest(query="travel allowance"),
        "get_evidence": EvidenceArguments(chunk_id=chunk),
        "verify_claims": claim_of(TEXT, chunk),
    }
    assert TOOLS.keys() - calls == {"list_sources"}  # shows nothing of a document
    filled.runtime.ledger.record = refuse  # type: ignore[method-assign]  # the failure
    for tool, arguments in calls.items():
        with pytest.raises(AuditError):
            TOOLS[tool].run(filled.runtime, ANN, arguments, request_id="r")


def test_every_answer_has_its_event_and_its_receipt(filled: Installation) -> None:
    answer = filled.ask(ANN)
    with filled.runtime.audit_database.read(TENANT) as session:
        rows = session.scalars(
            select(AuditRow).where(AuditRow.stream == Stream.ACCESS).order_by(AuditRow.seq)
        ).all()
        receipt = session.scalars(select(ReceiptRow)).one()
    assert [row.kind for row in rows] == ["query"]
    assert receipt.jws == answer.receipt
    assert "travel allowance" not in rows[0].body
    assert answer.evidence[0].citation.document_id in rows[0].body


def test_an_answer_without_evidence_is_recorded_too(filled: Installation) -> None:
    answer = filled.ask(caller("user:stranger"))
    assert answer.receipt
    with filled.runtime.audit_database.read(TENANT) as session:
        kinds = session.scalars(select(AuditRow.kind).where(AuditRow.stream == Stream.ACCESS))
        assert kinds.all() == ["query"]
