"""What ``resolve`` refuses to answer at all. What it answers: ``tests/security``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from acl.admin.acls import put_acl
from acl.admin.directory import ensure_principal, ensure_tenant
from acl.entries import AclEntry, Effect
from acl.errors import NotFoundError, ScopeTooLargeError, TenantDisabledError
from acl.models import Tenant
from acl.principal import EVERYONE, Principal
from acl.resolve import resolve
from tests.support.clock import NOON
from tests.support.installation import SECRET, TENANT, caller

if TYPE_CHECKING:
    from pathlib import Path

    from acl.orm import Database
    from tests.support.catalogue import Blank

ANN = caller("user:ann")


@pytest.fixture
def three(blank_catalogue: Blank, tmp_path: Path) -> Database:
    """Three ACLs that Ann sees."""
    database = blank_catalogue.open(tmp_path)
    ensure_tenant(database, TENANT, now=NOON)
    with database.write(TENANT) as session:
        ensure_principal(session, TENANT, Principal.parse("user:ann"), now=NOON)
        for name in "abc":
            entries = [AclEntry(Effect.ALLOW, EVERYONE)]
            put_acl(session, TENANT, name, secret=SECRET, entries=entries, now=NOON)
    return database


def test_as_many_acls_as_allowed_are_answered_and_one_more_is_an_error(three: Database) -> None:
    with three.read(TENANT) as session:
        assert len(resolve(session, ANN, now=NOON, max_acls=3).acl_ids) == 3
        with pytest.raises(ScopeTooLargeError, match="3 ACLs, more than the maximum of 2"):
            resolve(session, ANN, now=NOON, max_acls=2)
    three.close()


def test_a_tenant_that_does_not_exist_or_is_disabled_is_an_error(three: Database) -> None:
    with three.read("nowhere") as session, pytest.raises(NotFoundError, match="nowhere"):
        resolve(session, caller(tenant="nowhere"), now=NOON)
    with three.unguarded("tenants belong to no tenant", writable=True) as session:
        session.get_one(Tenant, TENANT).enabled = False
    with three.read(TENANT) as session, pytest.raises(TenantDisabledError):
        resolve(session, ANN, now=NOON)
    three.close()
