"""Two administrators at once never undo one another unseen."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from acl.admin.administration import Administrator, administering
from acl.admin.directory import ensure_tenant
from acl.admin.expected import Expected
from acl.admin.state import AclState, acl_state, etag
from acl.entries import AclEntry, Effect
from acl.errors import InvalidAclError, PreconditionFailedError
from acl.principal import Principal
from tests.support.clock import NOON
from tests.support.installation import SECRET, TENANT, open_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from acl.admin.administration import Administration
    from acl.orm import Database
    from tests.support.catalogue import Blank


@pytest.fixture
def catalogue(blank_catalogue: Blank, tmp_path: Path) -> Iterator[Database]:
    """A tenant with one ACL."""
    database = open_catalogue(blank_catalogue, tmp_path)
    ensure_tenant(database, TENANT, now=NOON)
    with changing(database, TENANT) as root:
        root.put_acl(AclState("top"))
    yield database
    database.close()


@pytest.fixture
def tenant() -> str:
    """Its tenant."""
    return TENANT


def allow(principal: str) -> AclEntry:
    return AclEntry(Effect.ALLOW, Principal.parse(principal))


def changing(catalogue: Database, tenant: str) -> AbstractContextManager[Administration]:
    who = Administrator("user:root key-1")
    return administering(catalogue, tenant, who, secret=SECRET, now=NOON)


def test_of_two_who_saw_the_same_state_one_is_refused(catalogue: Database, tenant: str) -> None:
    with catalogue.read(tenant) as session:
        seen = Expected(frozenset({etag(acl_state(session, tenant, "top").to_dict())}))
    started, outcomes = threading.Barrier(2), []

    def write(principal: str) -> None:
        started.wait()
        try:
            with changing(catalogue, tenant) as root:
                state = AclState("top", entries=frozenset({allow(principal)}))
                root.put_acl(state, expected=seen)
            outcomes.append(principal)
        except PreconditionFailedError:
            outcomes.append("refused")

    writers = [threading.Thread(target=write, args=(who,)) for who in ("user:x", "user:y")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(who == "refused" for who in outcomes) == [False, True]
    with catalogue.read(tenant) as session:
        entries = acl_state(session, tenant, "top").entries
    assert {str(entry.principal) for entry in entries} == set(outcomes) - {"refused"}


def test_of_two_who_would_close_a_cycle_together_one_is_refused(
    catalogue: Database, tenant: str
) -> None:
    with changing(catalogue, tenant) as root:
        root.put_acl(AclState("left"))
        root.put_acl(AclState("right"))
    started, outcomes = threading.Barrier(2), []

    def write(name: str, parent: str) -> None:
        started.wait()
        try:
            with changing(catalogue, tenant) as root:
                root.put_acl(AclState(name, parent))
            outcomes.append("made")
        except InvalidAclError:
            outcomes.append("refused")

    writers = [
        threading.Thread(target=write, args=names)
        for names in (("left", "right"), ("right", "left"))
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(outcomes) == ["made", "refused"]
