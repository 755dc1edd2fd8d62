"""``resolve``, the SQL predicate and ``scope.permits`` all say what the reference says."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy import select

from acl.models import AclRow
from acl.resolve import resolve
from acl.resolver import Resolver
from acl.view import visible
from tests.security.directories import (
    ACTORS,
    STRANGERS,
    USERS,
    directories,
    seeded,
    write_down,
)
from tests.security.reference import Acl, Directory, Entry
from tests.security.reference import visible as reference
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET, caller, open_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from acl.orm import Database
    from tests.support.catalogue import Blank

_TENANTS = (f"tenant-{number}" for number in itertools.count())
_CASES = 10_000


@pytest.fixture(scope="module")
def catalogue(
    blank_catalogue: Blank, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """One catalogue for the module: every directory gets a tenant of its own in it."""
    database = open_catalogue(blank_catalogue, tmp_path_factory.mktemp("reference"))
    yield database
    database.close()


def held_to_the_reference(
    database: Database, tenant: str, directory: Directory, subject: str, actor: str | None
) -> int:
    """Compare every use of the decision, at and around the expiries. Returns how many cases."""
    resolver = Resolver(SECRET)
    who = caller(subject, tenant=tenant, actor=actor)
    cases = 0
    for now in (NOON - HOUR, NOON, NOON + HOUR):
        expected = reference(directory, subject, actor, now)
        with database.read(tenant) as session:
            scope = resolve(session, who, now=now)
            assert scope.acl_ids == expected
            assert scope.sorted_ids == tuple(sorted(expected))
            rows = session.scalars(
                select(AclRow.id).where(visible(scope, AclRow.tenant, AclRow.id, AclRow.name))
            )
            assert set(rows) == expected
            assert {n for n in directory.acls if scope.permits(tenant, n, "wiki")} == expected
            assert not any(scope.permits("another", name, "wiki") for name in directory.acls)
            # The cache may only be quicker, never of another opinion, whatever it remembers.
            assert resolver.resolve(session, who, now=now).scope.acl_ids == expected
        assert_it_holds_until(scope.valid_until, directory, subject, actor, now=now)
        cases += len(directory.acls)
    return cases


def assert_it_holds_until(
    valid_until: datetime | None,
    directory: Directory,
    subject: str,
    actor: str | None,
    *,
    now: datetime,
) -> None:
    """The decision does not change before ``valid_until``, which lies in the future."""
    assert valid_until is None or valid_until > now
    expected = reference(directory, subject, actor, now)
    for later in (NOON - HOUR, NOON, NOON + HOUR, NOON + 2 * HOUR):
        if later > now and (valid_until is None or later < valid_until):
            assert reference(directory, subject, actor, later) == expected


_CYCLE = Directory(
    {"user:ann": True, "group:a": True, "group:b": True, "everyone": True},
    frozenset({("user:ann", "group:a"), ("group:a", "group:b"), ("group:b", "group:a")}),
    {"acl-0": Acl("acl-0", entries=(Entry("allow", "group:b"), Entry("deny", "everyone", NOON)))},
)


@given(
    directory=directories(),
    subject=st.sampled_from((*USERS, *STRANGERS)),
    actor=st.sampled_from((*ACTORS, *STRANGERS)),
)
@example(directory=_CYCLE, subject="user:ann", actor=None)
def test_random_directories_are_decided_as_by_the_reference(
    catalogue: Database, directory: Directory, subject: str, actor: str | None
) -> None:
    tenant = next(_TENANTS)
    write_down(catalogue, tenant, directory)
    held_to_the_reference(catalogue, tenant, directory, subject, actor)


def test_a_matrix_of_ten_thousand_cases_is_decided_as_by_the_reference(
    catalogue: Database,
) -> None:
    rng = random.Random(20260302)  # noqa: S311 - a seed, not a secret
    cases = seen = 0
    while cases < _CASES:
        directory = seeded(rng)
        tenant = next(_TENANTS)
        write_down(catalogue, tenant, directory)
        for subject, actor in itertools.product((*USERS, STRANGERS[0]), ACTORS):
            cases += held_to_the_reference(catalogue, tenant, directory, subject, actor)
            seen += len(reference(directory, subject, actor, NOON))
    assert cases >= _CASES
    assert seen > cases / 50, "hardly anything is visible: the matrix proves little"
