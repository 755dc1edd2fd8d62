"""The age of synchronised ACLs: what is set, what is confirmed, and whether anything changed."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from acl.admin.directory import ensure_tenant
from acl.admin.freshness import confirm, limit_age
from acl.models import AclSyncRow, Tenant
from tests.support.clock import HOUR, NOON
from tests.support.installation import TENANT

if TYPE_CHECKING:
    from datetime import datetime

    from acl.orm import Database


def _set(catalogue: Database, seconds: int | None) -> bool:
    with catalogue.write(TENANT) as session:
        return limit_age(session, TENANT, "wiki", max_age_seconds=seconds, now=NOON)


def _closes(catalogue: Database) -> tuple[datetime | None, int]:
    with catalogue.read(TENANT) as session:
        row = session.get(AclSyncRow, (TENANT, "wiki"))
        version = session.get_one(Tenant, TENANT).acl_version
        return None if row is None else row.closes_at, version


def test_a_limit_is_told_to_be_new_only_when_it_is(catalogue: Database) -> None:
    ensure_tenant(catalogue, TENANT, now=NOON)
    assert [_set(catalogue, s) for s in (None, 60, 60, 90, None, None)] == [
        *(False, True, False, True, True, False)
    ]


def test_only_a_new_limit_outdates_cached_scopes(catalogue: Database) -> None:
    ensure_tenant(catalogue, TENANT, now=NOON)
    versions = []
    for seconds in (None, 60, 60, 90, None):
        _set(catalogue, seconds)
        versions.append(_closes(catalogue)[1])
    changed = [after > before for before, after in itertools.pairwise(versions)]
    assert changed == [True, False, True, True]


def test_a_confirmation_moves_the_closing_and_a_new_limit_counts_from_it(
    catalogue: Database,
) -> None:
    ensure_tenant(catalogue, TENANT, now=NOON)
    _set(catalogue, 3600)
    assert _closes(catalogue)[0] == NOON
    with catalogue.write(TENANT) as session:
        confirm(session, TENANT, "wiki", now=NOON + HOUR)
        confirm(session, TENANT, "unheard", now=NOON)
    assert _closes(catalogue)[0] == NOON + 2 * HOUR
    _set(catalogue, 7200)
    assert _closes(catalogue)[0] == NOON + 3 * HOUR
