"""A bank whose audit is looked at, and tampered with."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from acl.audit.events import Event, EventKind
from acl.audit.kinds import Stream
from acl.audit.verify import Verdict, verify
from retrieval.audit_log import Told, Wanted, read_events
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

ANN = caller("user:ann")
BOB = caller("user:bob")
QUESTION = "What is the travel allowance abroad?"
TEXT = "The travel allowance abroad is 55 euros a day."
DENIED = Event(EventKind.DENIAL, {"subject": "user:ann"})


def audited_bank(world: Installation) -> Installation:
    """A bank in which Ann may read one document, and Bob nothing."""
    world.know("user:ann", "user:bob")
    shelf = {"rate.txt": Shelved(TEXT, "open")}
    world.ingest(ListedSource("wiki", (acl("open", allow("user:ann")),), shelf))
    return world


def events(world: Installation, stream: Stream = Stream.ACCESS, tenant: str = TENANT) -> list[Told]:
    """What is on record, oldest first."""
    told, more = read_events(world.runtime, tenant, Wanted(stream, limit=1_000))
    assert not more
    return told[::-1]


def verdict(
    world: Installation, *checkpoints: str, stream: Stream = Stream.ACCESS, tenant: str = TENANT
) -> Verdict:
    jwks = world.runtime.signer.jwks()
    with world.runtime.audit_home(stream).read(tenant) as session:
        return verify(session, tenant, stream, jwks=jwks, checkpoints=checkpoints)


def tamper(world: Installation, statement: str, **values: Any) -> None:
    """What somebody with the database's password can do."""
    with world.runtime.audit_database.writer.begin() as connection:
        connection.execute(text(statement), {"tenant": TENANT, "stream": "access", **values})


def recorded(world: Installation, count: int, tenant: str = TENANT) -> None:
    for number in range(count):
        event = Event(EventKind.DENIAL, {"subject": "user:ann", "n": number})
        world.runtime.ledger.record(tenant, event)
