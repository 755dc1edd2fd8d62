"""The audit: nothing is served or refused without a row, and no row changes unnoticed.

What verification finds in a chain of any shape is in ``tests/unit/acl/test_audit_verify.py``; here
the promises are held on each engine, through the doors that callers use.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from acl.audit.events import Event, EventKind, administered, append
from acl.audit.kinds import Stream
from acl.audit.ledger import Ledger
from acl.audit.verify import Fault
from acl.caller import ApiScope
from acl.errors import AuditError, InvalidTokenError, NotFoundError
from acl.identity.keys import create_key, revoke_key
from acl.models import PrincipalRow
from acl.orm import Database, utc_now
from acl.principal import Principal
from retrieval import audit_upkeep as upkeep
from retrieval.lookup import get_evidence
from tests.support.audit import (
    ANN,
    BOB,
    DENIED,
    QUESTION,
    audited_bank,
    events,
    recorded,
    tamper,
    verdict,
)
from tests.support.clock import HOUR
from tests.support.installation import TENANT, Installation, caller


@pytest.fixture
def bank(world: Installation) -> Installation:
    """A bank in which Ann may read one document, and Bob nothing."""
    return audited_bank(world)


# Nothing leaves without a row


def test_an_answer_is_on_record_when_it_is_there(bank: Installation) -> None:
    answer = bank.ask(ANN, QUESTION)
    told = events(bank)[-1]
    assert (told.kind, told.body["subject"]) == ("query", "user:ann")
    assert [piece["chunk"] for piece in told.body["evidence"]] == [answer.evidence[0].chunk_id]


def test_an_answer_that_is_empty_is_on_record_too(bank: Installation) -> None:
    bank.ask(BOB, QUESTION)
    told = events(bank)[-1]
    assert (told.kind, told.body["subject"], told.body["evidence"]) == ("query", "user:bob", [])


def test_evidence_that_is_read_again_is_on_record(bank: Installation) -> None:
    chunk = bank.ask(ANN, QUESTION).evidence[0].chunk_id
    get_evidence(bank.runtime, ANN, chunk, request_id="again")
    assert (events(bank)[-1].kind, events(bank)[-1].body["request"]) == ("evidence", "again")


def test_nothing_is_served_while_the_audit_cannot_be_written(bank: Installation) -> None:
    chunk = bank.ask(ANN, QUESTION).evidence[0].chunk_id
    bank.runtime.ledger.close()
    with pytest.raises(AuditError):
        bank.ask(ANN, QUESTION)
    with pytest.raises(AuditError):
        get_evidence(bank.runtime, ANN, chunk, request_id="again")


def test_neither_question_nor_text_stands_in_it(bank: Installation) -> None:
    bank.ask(ANN, QUESTION)
    with pytest.raises(NotFoundError):
        get_evidence(bank.runtime, BOB, "no-such-chunk", request_id="r")
    written = json.dumps([event.body for event in events(bank)])
    for word in ("allowance", "abroad", "55 euros"):
        assert word not in written


def test_equal_questions_are_told_by_equal_digests_and_tenants_by_different_ones(
    bank: Installation,
) -> None:
    bank.know("user:ann", tenant="shop")
    bank.ask(ANN, QUESTION)
    bank.ask(BOB, QUESTION)
    bank.ask(caller("user:ann", tenant="shop"), QUESTION)
    here = {event.body["query"] for event in events(bank)}
    there = {event.body["query"] for event in events(bank, tenant="shop")}
    assert (len(here), len(there), here & there) == (1, 1, set())


# Who cannot be named writes nothing; who can, cannot hide


def test_whoever_holds_no_credential_cannot_grow_the_audit(bank: Installation) -> None:
    with bank.change() as session:
        token = create_key(
            session,
            TENANT,
            Principal.parse("user:ann"),
            api_scopes=[ApiScope.RETRIEVE],
            now=bank.clock(),
        ).token
    for garbage in ("", "nonsense", f"{token[:-1]}x", f"clr_{'0' * 16}_{'A' * 43}", "a.b.c"):
        with pytest.raises(InvalidTokenError):
            bank.runtime.authenticate(garbage)
    assert events(bank) == []


def test_a_key_that_is_good_no_more_is_on_record_by_its_id(bank: Installation) -> None:
    ann = Principal.parse("user:ann")
    with bank.change() as session:
        options: dict[str, Any] = {"api_scopes": [ApiScope.RETRIEVE], "now": bank.clock()}
        expired = create_key(session, TENANT, ann, expires_at=bank.clock() + HOUR, **options)
        revoked = create_key(session, TENANT, ann, **options)
        session.flush()
        revoke_key(session, TENANT, revoked.key_id, now=bank.clock())
    bank.clock.advance(HOUR)
    for key, fault in ((expired, "expired"), (revoked, "revoked")):
        with pytest.raises(InvalidTokenError):
            bank.runtime.authenticate(key.token)
        told = events(bank)[-1]
        assert (told.kind, told.body["code"], told.body["fault"]) == (
            "denial",
            "unauthenticated",
            fault,
        )
        assert key.key_id in told.body["via"]
        assert key.token not in json.dumps(told.body)


# No row changes unnoticed


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("UPDATE audit_log SET body = '{}' WHERE seq = 3", Fault.CHANGED),
        ("UPDATE audit_log SET at = at + 1 WHERE seq = 3", Fault.CHANGED),
        ("UPDATE audit_log SET kind = 'query' WHERE seq = 3", Fault.CHANGED),
        ("UPDATE audit_log SET hash = previous WHERE seq = 3", Fault.CHANGED),
        ("DELETE FROM audit_log WHERE seq = 3", Fault.REMOVED),
        ("DELETE FROM audit_log WHERE seq > 3", Fault.TRUNCATED),
        ("DELETE FROM audit_log", Fault.TRUNCATED),
        ("DELETE FROM audit_head", Fault.HEAD_MISMATCH),
        ("UPDATE audit_head SET seq = 4", Fault.TRUNCATED),
        ("UPDATE audit_head SET kept_from = 3", Fault.REMOVED),
        ("UPDATE audit_log SET stream = 'other' WHERE seq = 5", Fault.TRUNCATED),
        ("UPDATE audit_log SET tenant = 'other' WHERE seq = 1", Fault.REMOVED),
    ],
)
def test_a_row_changed_removed_or_cut_off_is_found(
    world: Installation, change: str, fault: Fault
) -> None:
    recorded(world, 5)
    assert verdict(world).intact
    expected = {"UPDATE audit_head SET seq = 4": Fault.HEAD_MISMATCH}.get(change, fault)
    tamper(world, change)
    assert verdict(world).fault is expected


def test_rows_that_changed_places_are_found(world: Installation) -> None:
    recorded(world, 5)
    for old, new in ((2, 99), (4, 2), (99, 4)):
        tamper(world, "UPDATE audit_log SET seq = :new WHERE seq = :old", old=old, new=new)
    assert (verdict(world).fault, verdict(world).seq) == (Fault.REORDERED, 2)


def test_a_row_of_another_tenant_has_no_place_in_a_chain(world: Installation) -> None:
    recorded(world, 2)
    recorded(world, 3, tenant="shop")
    tamper(world, "DELETE FROM audit_log WHERE tenant = :tenant")
    tamper(world, "DELETE FROM audit_head WHERE tenant = :tenant")
    for table in ("audit_log", "audit_head"):
        tamper(world, f"UPDATE {table} SET tenant = :tenant WHERE tenant = 'shop'")  # noqa: S608
    assert verdict(world).fault is Fault.CHANGED


def test_whoever_makes_the_whole_chain_anew_is_caught_by_a_checkpoint_kept_elsewhere(
    world: Installation,
) -> None:
    recorded(world, 3)
    kept = upkeep.checkpoint(world.runtime, TENANT, Stream.ACCESS)
    assert kept is not None
    for table in ("audit_log", "audit_head", "audit_checkpoint"):
        tamper(world, f"DELETE FROM {table}")  # noqa: S608
    recorded(world, 3)
    assert verdict(world).intact  # the database alone cannot show it
    world.clock.advance(HOUR)
    tamper(world, "DELETE FROM audit_log")
    tamper(world, "DELETE FROM audit_head")
    world.runtime.ledger.record(TENANT, DENIED)
    assert verdict(world).intact
    assert verdict(world, kept).fault is Fault.TRUNCATED
    recorded(world, 3)
    assert verdict(world, kept).fault is Fault.CHECKPOINT_MISMATCH


def test_every_chain_there_is_or_was_is_verified(world: Installation) -> None:
    recorded(world, 1)
    recorded(world, 1, tenant="shop")
    kept = upkeep.checkpoint(world.runtime, "shop", Stream.ACCESS)
    assert kept is not None
    for table in ("audit_log", "audit_head", "audit_checkpoint"):
        tamper(world, f"DELETE FROM {table} WHERE tenant = 'shop'")  # noqa: S608
    jwks = world.runtime.signer.jwks()

    def faults(*checkpoints: str) -> dict[tuple[str, str], Fault | None]:
        found = upkeep.verify_chains(world.runtime, None, jwks=jwks, checkpoints=checkpoints)
        return {(one.tenant, one.stream): one.fault for one in found}

    assert faults() == {(TENANT, "access"): None}
    assert faults(kept) == {(TENANT, "access"): None, ("shop", "access"): Fault.TRUNCATED}


# Order under concurrency


def test_events_of_many_threads_form_one_chain_without_a_gap(world: Installation) -> None:
    threads, each = 8, 12

    def record(thread: int) -> None:
        for number in range(each):
            body = {"subject": "user:ann", "thread": thread, "n": number}
            world.runtime.ledger.record(TENANT, Event(EventKind.DENIAL, body))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(record, range(threads)))
    told = events(world)
    assert (verdict(world).intact, len(told)) == (True, threads * each)
    for thread in range(threads):
        own = [event.body["n"] for event in told if event.body["thread"] == thread]
        assert own == list(range(each))


def test_several_ledgers_of_one_tenant_take_turns(world: Installation) -> None:
    """As of several processes, each with its own connections."""
    url = world.runtime.audit_database.url
    databases = [Database(url) for _ in range(3)]
    ledgers = [Ledger(database, clock=utc_now) for database in databases]

    def record(ledger: Ledger) -> None:
        for _ in range(10):
            ledger.record(TENANT, DENIED)

    with ThreadPoolExecutor(len(ledgers)) as pool:
        list(pool.map(record, ledgers))
    for ledger, database in zip(ledgers, databases, strict=True):
        ledger.close()
        database.close()
    assert (verdict(world).intact, verdict(world).rows) == (True, 30)


def test_the_first_events_of_a_tenant_start_one_chain(world: Installation) -> None:
    """Nobody holds a lock on a head that is not there yet."""
    database = world.runtime.audit_database

    def begin(_: int) -> None:
        with database.write(TENANT) as session:
            append(session, TENANT, Stream.ACCESS, DENIED, now=world.clock())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(begin, range(4)))
    assert (verdict(world).intact, verdict(world).rows) == (True, 4)


# Administration is told in the transaction that changes


def test_there_is_no_change_without_its_row_and_no_row_without_its_change(
    world: Installation,
) -> None:
    body = {"principal": "user:new"}

    def change(*, fail: bool) -> None:
        with world.change() as session:
            row = PrincipalRow(tenant=TENANT, principal="user:new", created_at=world.clock())
            session.add(row)
            kind, now = EventKind.PRINCIPAL_ENABLE, world.clock()
            administered(session, TENANT, "cli:root", kind, body, now=now)
            if fail:
                raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        change(fail=True)
    assert events(world, Stream.ADMINISTRATION) == []
    change(fail=False)
    (told,) = events(world, Stream.ADMINISTRATION)
    assert told.body == {"principal": "user:new", "actor": "cli:root"}
    assert verdict(world, stream=Stream.ADMINISTRATION).intact


def test_who_did_it_cannot_be_overwritten_by_what_was_done(world: Installation) -> None:
    with world.change() as session:
        body = {"actor": "user:innocent"}
        administered(session, TENANT, "cli:root", EventKind.ACL_PUT, body, now=world.clock())
    assert events(world, Stream.ADMINISTRATION)[0].body["actor"] == "cli:root"


# Tenants do not meet


def test_a_tenant_reads_its_own_audit_alone(world: Installation) -> None:
    recorded(world, 2)
    recorded(world, 3, tenant="shop")
    assert len(events(world)) == 2
    assert len(events(world, tenant="shop")) == 3
    tamper(world, "DELETE FROM audit_log WHERE tenant = 'shop' AND seq = 2")
    assert verdict(world).intact
    assert verdict(world, tenant="shop").fault is Fault.REMOVED
