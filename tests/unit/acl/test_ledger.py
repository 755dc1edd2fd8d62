"""The ledger: many wait for one commit, and nobody is told "durable" who is not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError

from acl.audit.checkpoints import every
from acl.audit.events import Event
from acl.audit.kinds import Stream
from acl.audit.ledger import Ledger
from acl.audit.models import AuditCheckpointRow, AuditRow
from acl.audit.verify import verify
from acl.errors import AuditError, SigningKeyError
from acl.models import PrincipalRow
from acl.signing import Signer
from tests.support.clock import NOON, Clock
from tests.support.installation import TENANT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

    from acl.orm import Database

CALLERS = 16
EVENT = Event("query", {"subject": "user:ann"})
NO_KEYS: dict[str, Any] = {"keys": []}


@pytest.fixture
def ledger(catalogue: Database) -> Iterator[Ledger]:
    made = Ledger(catalogue, clock=Clock())
    yield made
    made.close()


class Gate:
    """Holds the writer inside its first transaction, so that others gather behind it."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()

    def __call__(self, session: Session, tenant: str, first: int, last: int) -> None:
        del session, tenant, first, last
        self.entered.set()
        assert self.open.wait(30)


def rows(database: Database) -> int:
    with database.read(TENANT) as session:
        return session.scalar(select(func.count()).select_from(AuditRow)) or 0


def intact(database: Database, jwks: dict[str, Any] = NO_KEYS) -> bool:
    with database.read(TENANT) as session:
        return verify(session, TENANT, Stream.ACCESS, jwks=jwks).intact


def commits_of(database: Database) -> list[None]:
    """Grows with every commit."""
    seen: list[None] = []
    event.listen(database.writer, "commit", lambda _connection: seen.append(None))
    return seen


def wait_for(ledger: Ledger, waiting: int) -> None:
    while len(ledger._waiting) < waiting:
        threading.Event().wait(0.001)


def test_an_event_is_there_when_record_returns(catalogue: Database, ledger: Ledger) -> None:
    for count in (1, 2, 3):
        ledger.record(TENANT, EVENT)
        assert rows(catalogue) == count
    assert intact(catalogue)


def test_callers_who_wait_share_one_commit(catalogue: Database) -> None:
    gate = Gate()
    ledger = Ledger(catalogue, clock=Clock(), on_appended=gate)
    commits = commits_of(catalogue)
    with ThreadPoolExecutor(CALLERS + 1) as pool:
        first = pool.submit(ledger.record, TENANT, EVENT)
        assert gate.entered.wait(30)
        others = [pool.submit(ledger.record, TENANT, EVENT) for _ in range(CALLERS)]
        wait_for(ledger, CALLERS)
        gate.open.set()
        for done in (first, *others):
            done.result()
    ledger.close()
    assert (rows(catalogue), len(commits)) == (CALLERS + 1, 2)
    assert intact(catalogue)


def test_rows_given_with_an_event_stand_or_fall_with_it(
    catalogue: Database, ledger: Ledger
) -> None:
    known = {"tenant": TENANT, "principal": "user:new", "enabled": True, "created_at": NOON}
    ledger.record(TENANT, EVENT, [(PrincipalRow, [known])])
    with pytest.raises(AuditError):
        ledger.record(TENANT, EVENT, [(PrincipalRow, [{"tenant": TENANT, "principal": None}])])
    with catalogue.read(TENANT) as session:
        assert session.get(PrincipalRow, (TENANT, "user:new")) is not None
    assert rows(catalogue) == 1


def test_rows_of_another_tenant_are_refused(catalogue: Database, ledger: Ledger) -> None:
    with pytest.raises(AuditError, match="another tenant"):
        ledger.record(TENANT, EVENT, [(PrincipalRow, [{"tenant": "shop", "principal": "user:x"}])])
    assert rows(catalogue) == 0


@pytest.mark.parametrize(
    "bad",
    [
        Event("no_such_kind", {}),
        Event("query", {"score": 0.5}),
        Event("query", {"n": 2**53}),
        Event("query", {"when": NOON}),
        Event("query", {"who": "\ud800"}),
    ],
)
def test_an_event_that_cannot_be_spelled_fails_its_own_caller(
    catalogue: Database, ledger: Ledger, bad: Event
) -> None:
    with pytest.raises(AuditError, match="no place in the audit"):
        ledger.record(TENANT, bad)
    ledger.record(TENANT, EVENT)
    assert rows(catalogue) == 1


def test_one_bad_event_does_not_fail_those_it_shares_a_commit_with(catalogue: Database) -> None:
    gate = Gate()
    ledger = Ledger(catalogue, clock=Clock(), on_appended=gate)
    broken = [(PrincipalRow, [{"tenant": TENANT, "principal": None}])]
    with ThreadPoolExecutor(CALLERS) as pool:
        first = pool.submit(ledger.record, TENANT, EVENT)
        assert gate.entered.wait(30)
        good = [pool.submit(ledger.record, TENANT, EVENT) for _ in range(4)]
        bad = pool.submit(ledger.record, TENANT, EVENT, broken)
        good += [pool.submit(ledger.record, TENANT, EVENT) for _ in range(4)]
        wait_for(ledger, 9)
        gate.open.set()
        for done in (first, *good):
            done.result()
        with pytest.raises(AuditError):
            bad.result()
    ledger.close()
    assert rows(catalogue) == 9
    assert intact(catalogue)


def test_every_caller_is_told_when_the_database_fails(catalogue: Database) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("disk", {}, Exception("full"))

    ledger = Ledger(catalogue, clock=Clock(), on_appended=fail)
    with ThreadPoolExecutor(CALLERS) as pool:
        failed = [pool.submit(ledger.record, TENANT, EVENT) for _ in range(CALLERS)]
        errors = [done.exception() for done in failed]
    ledger.close()
    assert {type(error) for error in errors} == {AuditError}
    assert len({id(error) for error in errors}) == CALLERS  # nobody shares a traceback
    assert rows(catalogue) == 0


def test_a_caller_stops_waiting_after_a_while(catalogue: Database) -> None:
    gate = Gate()
    ledger = Ledger(catalogue, clock=Clock(), on_appended=gate, patience=0.05)
    with pytest.raises(AuditError):
        ledger.record(TENANT, EVENT)
    gate.open.set()
    ledger.close()
    assert rows(catalogue) == 1  # too much on record, never too little


def test_closing_writes_what_waits_and_refuses_what_comes_later(catalogue: Database) -> None:
    gate = Gate()
    ledger = Ledger(catalogue, clock=Clock(), on_appended=gate)
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(ledger.record, TENANT, EVENT) for _ in range(3)]
        assert gate.entered.wait(30)
        closing = pool.submit(ledger.close)
        gate.open.set()
        closing.result()
        told = [done.exception() is None for done in waiting]
    assert rows(catalogue) == sum(told)
    with pytest.raises(AuditError, match="closed"):
        ledger.record(TENANT, EVENT)


def test_a_ledger_that_never_wrote_closes_at_once(catalogue: Database) -> None:
    Ledger(catalogue, clock=Clock()).close()


def test_checkpoints_are_written_now_and_then(catalogue: Database, tmp_path: Path) -> None:
    signer, clock = Signer.open(tmp_path / "signing"), Clock()
    ledger = Ledger(catalogue, clock=clock, on_appended=every(3, lambda: signer, clock=clock))
    for _ in range(7):
        ledger.record(TENANT, EVENT)
    ledger.close()
    with catalogue.read(TENANT) as session:
        assert list(session.scalars(select(AuditCheckpointRow.seq))) == [3, 6]
        assert verify(session, TENANT, Stream.ACCESS, jwks=signer.jwks()).checkpoints == 2


def test_a_key_that_cannot_be_used_costs_the_checkpoint_and_no_event(catalogue: Database) -> None:
    def no_signer() -> Signer:
        raise SigningKeyError("gone")

    clock = Clock()
    ledger = Ledger(catalogue, clock=clock, on_appended=every(1, no_signer, clock=clock))
    ledger.record(TENANT, EVENT)
    ledger.close()
    assert intact(catalogue)
