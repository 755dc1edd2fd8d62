"""Receipts: what they state, who may ask about them, and what a status never tells."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, select

from acl.caller import Narrowing
from acl.errors import NotFoundError, SignatureError
from acl.signing import verify
from ingestion.jobs import SourceConfig, ingest
from ingestion.models import DocumentRow, SourceRow, VersionRow
from retrieval.lookup import get_evidence
from retrieval.receipt_file import read_file
from retrieval.receipt_statement import TYP
from retrieval.receipt_status import ReceiptStatus, receipt_status
from retrieval.receipt_store import own_statement, read
from retrieval.records import ReceiptRow
from tests.support.clock import HOUR
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from acl.caller import Caller
    from retrieval.receipt_statement import Statement
    from tests.support.catalogue import Blank

ANN = caller("user:ann")
BOB = caller("user:bob")
BOT = caller("user:ann", actor="service:bot")
SPECS = (acl("open", allow("user:ann"), allow("service:bot")), acl("board", allow("user:bob")))
RATE = Shelved("The travel allowance abroad is 55 euros a day.", "open")
RAISED = Shelved("The travel allowance abroad is 60 euros a day.", "open")
OTHER = Shelved("The canteen opens at noon.", "open")
NOWHERE = "00000000-0000-4000-8000-000000000000"


def fill(
    world: Installation, shelf: Mapping[str, Shelved], *, source: str = "wiki", tenant: str = TENANT
) -> None:
    world.ingest(ListedSource(source, SPECS, shelf), tenant=tenant)


@pytest.fixture
def bank(world: Installation) -> Installation:
    world.know("user:ann", "user:bob", "service:bot")
    fill(world, {"rate.txt": RATE})
    return world


@pytest.fixture
def other_bank(blank_catalogue: Blank, tmp_path: Path) -> Iterator[Installation]:
    """A second installation that starts as the first does."""
    with Installation.open(blank_catalogue, tmp_path / "other") as world:
        world.know("user:ann", "user:bob", "service:bot")
        fill(world, {"rate.txt": RATE})
        yield world


def ask(world: Installation, who: Caller = ANN) -> Statement:
    """Ask, and read the receipt of the answer."""
    return read(world.ask(who).receipt, world.runtime.signer.jwks())


def status(world: Installation, receipt: Statement, who: Caller = ANN) -> str:
    return receipt_status(world.runtime, who, receipt.jti, request_id="r").status.value


def refusal(world: Installation, receipt_id: str, who: Caller) -> str:
    with pytest.raises(NotFoundError) as raised:
        receipt_status(world.runtime, who, receipt_id, request_id="r")
    with pytest.raises(NotFoundError) as again:
        own_statement(world.runtime, who, receipt_id)
    return f"{raised.value.code} {raised.value} {again.value}"


# What a receipt states


def test_a_receipt_states_who_was_shown_what_under_which_view(bank: Installation) -> None:
    answer = bank.ask(BOT)
    says = verify(answer.receipt, bank.runtime.signer.jwks(), typ=TYP)
    [piece] = answer.evidence
    assert says["jti"] == answer.receipt_id
    assert (says["tenant"], says["sub"], says["act"]) == (TENANT, "user:ann", ["service:bot"])
    assert (says["view"], says["status"]) == (answer.view, answer.status)
    [cited] = says["citations"]
    assert cited["chunk_id"] == piece.chunk_id
    for name in ("document_id", "source", "version", "start", "end", "text_sha256"):
        assert cited[name] == getattr(piece.citation, name)


def test_a_receipt_states_what_the_token_took_away(bank: Installation) -> None:
    assert ask(bank).narrowing is None
    narrowing = Narrowing(frozenset({"wiki"}), frozenset({"open"}), purpose="support")
    receipt = ask(bank, replace(ANN, narrowing=narrowing))
    assert receipt.purpose == "support"
    assert receipt.narrowing is not None
    assert (receipt.narrowing.sources, receipt.narrowing.acls) == (["wiki"], ["open"])


def test_a_receipt_holds_neither_the_question_nor_the_text(bank: Installation) -> None:
    receipt = str(ask(bank).payload())
    assert not any(word in receipt for word in ("allowance", "55 euros", "abroad"))


def test_an_answer_without_evidence_has_a_receipt_too(bank: Installation) -> None:
    receipt = ask(bank, caller("user:stranger"))
    assert receipt.citations == []
    assert status(bank, receipt, caller("user:stranger")) == "valid"


def test_neighbours_shown_beside_a_piece_are_in_its_receipt(world: Installation) -> None:
    world.know("user:ann")
    paragraphs = "\n\n".join(f"Paragraph {n}. " + f"word{n} " * 120 for n in range(6))
    fill(world, {"long.txt": Shelved(paragraphs, "open")})
    chunk = world.ask(ANN, limit=1, query="word3").evidence[0].chunk_id
    answer = get_evidence(world.runtime, ANN, chunk, request_id="r")
    receipt = read(answer.receipt, world.runtime.signer.jwks())
    shown = [answer.evidence.chunk_id, *(near.chunk_id for near in (*answer.before, *answer.after))]
    assert len(shown) > 1
    assert [cited.chunk_id for cited in receipt.citations] == shown


def test_two_worlds_that_differ_in_what_is_hidden_give_the_same_receipt(
    bank: Installation,
) -> None:
    before = bank.ask(ANN).receipt
    fill(bank, {"merger.txt": Shelved("The merger abroad is secret.", "board")}, source="board")
    assert bank.ask(ANN).receipt == before


# That it cannot be changed


def test_every_change_of_a_single_byte_is_detected(bank: Installation) -> None:
    jwks = bank.runtime.signer.jwks()
    receipt = bank.ask(ANN).receipt.encode()
    for raw, places in ((receipt, range(len(receipt))), (receipt + b"\n", [-1, -2])):
        assert read_file(raw, jwks).tenant == TENANT
        # Near ones, in case and in the last bits; and some that mean something elsewhere.
        for place in (at % len(raw) for at in places):
            byte = raw[place]
            for other in {byte ^ 1, byte ^ 2, byte ^ 32, byte ^ 128, *b"A=.\n\r \0_"} - {byte}:
                with pytest.raises(SignatureError):
                    read_file(raw[:place] + bytes([other]) + raw[place + 1 :], jwks)


# Who may ask about it


def test_anyone_but_whom_it_was_issued_to_gets_the_reply_of_one_that_never_was(
    bank: Installation,
) -> None:
    bank.know("user:ann", tenant="rival")
    receipt = ask(bank)
    absent = refusal(bank, NOWHERE, ANN)
    for who in (BOB, BOT, caller("user:ann", tenant="rival"), caller("user:Ann")):
        assert refusal(bank, receipt.jti, who) == absent
    for malformed in ("", "\0", "no uuid", receipt.jti.upper(), "'; DROP TABLE receipt --"):
        assert refusal(bank, malformed, ANN) == absent


def test_what_was_issued_to_an_agent_is_not_its_users_receipt(bank: Installation) -> None:
    receipt = ask(bank, BOT)
    assert status(bank, receipt, BOT) == "valid"
    assert refusal(bank, receipt.jti, ANN) == refusal(bank, NOWHERE, ANN)


# What its status tells, and what it does not


def test_a_receipt_is_valid_while_what_it_cites_stands(bank: Installation) -> None:
    receipt = ask(bank)
    assert status(bank, receipt) == "valid"
    fill(bank, {"rate.txt": RATE, "other.txt": OTHER})
    assert status(bank, receipt) == "valid"


def test_a_newer_version_that_says_otherwise_supersedes(bank: Installation) -> None:
    receipt = ask(bank)
    fill(bank, {"rate.txt": RAISED})
    assert status(bank, receipt) == "superseded"


def test_a_newer_version_that_still_says_so_does_not(bank: Installation) -> None:
    receipt = ask(bank)
    fill(bank, {"rate.txt": Shelved(f"A new preface.\n\n{RATE.text}", "open")})
    assert status(bank, receipt) == "valid"


def test_where_the_cited_version_was_erased_the_hash_of_the_passage_decides(
    bank: Installation,
) -> None:
    receipt = ask(bank)
    fill(bank, {"rate.txt": Shelved(f"{RATE.text}\n\nSee the annex.", "open")})
    with bank.runtime.database.write(TENANT) as session:
        session.execute(delete(VersionRow).where(VersionRow.number == 1))
    assert status(bank, receipt) == "valid"
    fill(bank, {"rate.txt": RAISED})
    assert status(bank, receipt) == "superseded"


@pytest.fixture
def hourly(world: Installation) -> Installation:
    """A bank whose source must be confirmed every hour."""
    world.know("user:ann")
    world.ensure_tenant()
    ingest(
        world.runtime.ingest_context(),
        ListedSource("wiki", SPECS, {"rate.txt": RATE}),
        tenant=TENANT,
        config=SourceConfig("memory", {}, max_age_seconds=3600),
    )
    return world


def test_a_receipt_is_stale_past_the_sla_of_its_source(hourly: Installation) -> None:
    receipt = ask(hourly)
    hourly.clock.advance(HOUR)
    assert status(hourly, receipt) == "valid"
    hourly.clock.advance(timedelta(seconds=1))
    assert status(hourly, receipt) == "stale"


@pytest.mark.parametrize("table", [DocumentRow, SourceRow])
def test_a_document_is_as_stale_as_itself_and_as_its_source(
    hourly: Installation, table: type[DocumentRow | SourceRow]
) -> None:
    receipt = ask(hourly)
    with hourly.runtime.database.write(TENANT) as session:
        row = session.scalars(select(table)).one()
        column = "checked_at" if isinstance(row, DocumentRow) else "last_success_at"
        setattr(row, column, hourly.clock() - HOUR - timedelta(seconds=1))
    assert status(hourly, receipt) == "stale"


def test_what_is_deleted_and_what_is_lost_are_withdrawn_in_the_same_bytes(
    bank: Installation, other_bank: Installation
) -> None:
    replies = []
    for world, left in ((bank, {}), (other_bank, {"rate.txt": Shelved(RATE.text, "board")})):
        receipt = ask(world)
        fill(world, left)
        reply = receipt_status(world.runtime, ANN, receipt.jti, request_id="r")
        assert reply.status is ReceiptStatus.WITHDRAWN
        replies.append(reply.model_dump_json())
    assert len(set(replies)) == 1


def test_a_change_of_what_was_lost_is_not_told(bank: Installation) -> None:
    receipt = ask(bank)
    fill(bank, {"rate.txt": Shelved(RATE.text, "board")})
    lost = receipt_status(bank.runtime, ANN, receipt.jti, request_id="r").model_dump_json()
    for shelf in ({"rate.txt": Shelved(RAISED.text, "board")}, {}):
        fill(bank, shelf)
        bank.clock.advance(HOUR)
        now = receipt_status(bank.runtime, ANN, receipt.jti, request_id="r").model_dump_json()
        assert now == lost


def test_a_revoked_grant_withdraws_at_the_very_next_question(bank: Installation) -> None:
    receipt = ask(bank)
    assert status(bank, receipt) == "valid"
    bank.enable("user:ann", enabled=False)
    assert status(bank, receipt) == "withdrawn"


def test_the_worst_citation_speaks_for_the_receipt(bank: Installation) -> None:
    second = Shelved("The travel allowance abroad: see the handbook.", "open")
    fill(bank, {"rate.txt": RATE, "second.txt": second})
    receipt = ask(bank)
    assert len(receipt.citations) == 2
    fill(bank, {"rate.txt": RATE})
    told = receipt_status(bank.runtime, ANN, receipt.jti, request_id="r")
    assert sorted(piece.status for piece in told.citations) == ["valid", "withdrawn"]
    assert told.status == "withdrawn"


def test_a_stored_receipt_that_was_tampered_with_is_no_receipt(bank: Installation) -> None:
    receipt = ask(bank)
    with bank.runtime.audit_database.write(TENANT) as session:
        row = session.get_one(ReceiptRow, (TENANT, receipt.jti))
        row.jws = row.jws[:-2] + ("AA" if row.jws[-2:] != "AA" else "BA")
    assert refusal(bank, receipt.jti, ANN) == refusal(bank, NOWHERE, ANN)
