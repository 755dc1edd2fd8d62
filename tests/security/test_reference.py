"""``resolve``, the SQL predicate and ``scope.permits`` all say what the reference says."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import event, example, given
from sqlalchemy import select

from acl.models import AclContentRow
from acl.resolve import resolve
from acl.resolver import Resolver
from acl.view import visible
from tests.security.directories import (
    SOURCES,
    askers,
    caller_of,
    directories,
    seeded,
    seeded_asker,
    write_down,
)
from tests.security.reference import Acl, Asker, Directory, Entry, seen
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.orm import Database
    from acl.scope import AccessScope

_TENANTS = (f"tenant-{number}" for number in itertools.count())
_CASES = 10_000


def held_to_the_reference(
    database: Database, tenant: str, directory: Directory, asker: Asker
) -> int:
    """Compare every use of the decision, at and around the expiries. Returns how many cases."""
    resolver = Resolver(SECRET)
    who = caller_of(asker, tenant)
    cases = 0
    for now in (NOON - HOUR, NOON, NOON + HOUR):
        expected = seen(directory, asker, now)
        with database.read(tenant) as session:
            scope = resolve(session, who, now=now)
            assert scope.acl_ids == expected.acls
            assert scope.sorted_ids == tuple(sorted(expected.acls))
            assert scope.closed == expected.closed
            assert places_seen(session, scope) == {
                (name, source)
                for name in expected.acls
                for source in directory.acls[name].guards
                if asker.sources is None or source in asker.sources
            }
            # The cache may only be quicker, never of another opinion, whatever it remembers.
            kept = resolver.resolve(session, who, now=now).scope
            assert (kept.acl_ids, kept.closed, kept.sources) == (
                scope.acl_ids,
                scope.closed,
                scope.sources,
            )
        for name, source in itertools.product(directory.acls, SOURCES):
            shown = name in expected.acls and source in (asker.sources or SOURCES)
            shown &= asker.sources != frozenset()
            assert scope.permits(tenant, name, source) == shown
            assert not scope.permits("another", name, source)
        assert_it_holds_until(scope.valid_until, directory, asker, now=now)
        cases += len(directory.acls)
    return cases


def places_seen(session: Session, scope: AccessScope) -> set[tuple[str, str]]:
    """Where the SQL predicate lets the caller look, of what stands somewhere."""
    table = AclContentRow
    where = visible(scope, table.tenant, table.acl_id, table.source)
    rows = session.execute(select(table.acl_id, table.source).where(where))
    return {(acl_id, source) for acl_id, source in rows}


def assert_it_holds_until(
    valid_until: datetime | None, directory: Directory, asker: Asker, *, now: datetime
) -> None:
    """The decision does not change before ``valid_until``, which lies in the future."""
    assert valid_until is None or valid_until > now
    expected = seen(directory, asker, now)
    for later in (NOON - HOUR, NOON, NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR):
        if later > now and (valid_until is None or later < valid_until):
            assert seen(directory, asker, later) == expected


_CYCLE = Directory(
    {"user:ann": True, "group:a": True, "group:b": True, "everyone": True},
    frozenset({("user:ann", "group:a"), ("group:a", "group:b"), ("group:b", "group:a")}),
    {"acl-0": Acl("acl-0", entries=(Entry("allow", "group:b"), Entry("deny", "everyone", NOON)))},
)


@given(directory=directories(), asker=askers())
@example(directory=_CYCLE, asker=Asker("user:ann"))
def test_random_directories_are_decided_as_by_the_reference(
    shared_catalogue: Database, directory: Directory, asker: Asker
) -> None:
    tenant = next(_TENANTS)
    write_down(shared_catalogue, tenant, directory)
    event(f"something visible: {bool(seen(directory, asker, NOON).acls)}")
    event(f"something closed: {bool(seen(directory, asker, NOON).closed)}")
    held_to_the_reference(shared_catalogue, tenant, directory, asker)


@pytest.mark.slow
def test_a_matrix_of_ten_thousand_cases_is_decided_as_by_the_reference(
    shared_catalogue: Database,
) -> None:
    rng = random.Random(20260302)  # noqa: S311 - a seed, not a secret
    cases = shown = closed = 0
    while cases < _CASES:
        directory = seeded(rng)
        tenant = next(_TENANTS)
        write_down(shared_catalogue, tenant, directory)
        for _ in range(12):
            asker = seeded_asker(rng)
            cases += held_to_the_reference(shared_catalogue, tenant, directory, asker)
            shown += len(seen(directory, asker, NOON).acls)
            closed += len(seen(directory, asker, NOON).closed)
    assert cases >= _CASES
    assert shown > cases / 50, "hardly anything is visible: the matrix proves little"
    assert closed > cases / 500, "hardly anything is closed: the matrix proves little"
