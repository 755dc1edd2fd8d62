"""The view: its digest moves with what is visible, and its predicates say tenant and ACL."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from acl.admin.acls import put_acl
from acl.admin.directory import ensure_tenant
from acl.content import Delta, Guarded, change_content
from acl.models import AclContentRow
from acl.scope import MINT, AccessScope
from acl.view import bound, predicate, view_of, visible
from tests.support.clock import NOON
from tests.support.installation import SECRET, TENANT, caller

if TYPE_CHECKING:
    from acl.orm import Database

RIVAL = "rival"
OF = (AclContentRow.tenant, AclContentRow.acl_id)


@pytest.fixture
def scope(catalogue: Database) -> AccessScope:
    """Of two of three ACLs, each with two sources; another tenant has as many."""
    ensure_tenant(catalogue, RIVAL, now=NOON)
    ids = {}
    for tenant in (TENANT, RIVAL):
        with catalogue.write(tenant) as session:
            for name in "abc":
                ids[tenant, name], _ = put_acl(session, tenant, name, secret=SECRET, now=NOON)
                for source in ("wiki", "mail"):
                    there = Guarded(ids[tenant, name], source)
                    change_content(session, tenant, {there: Delta(2, 7)})
    return AccessScope(
        caller=caller(),
        acl_ids=frozenset({ids[TENANT, "a"], ids[TENANT, "b"], ids[RIVAL, "a"]}),
        sources=None,
        closed=frozenset(),
        as_of=NOON,
        valid_until=None,
        acl_version=1,
        mint=MINT,
    )


def test_the_digest_moves_with_content_although_there_is_as_much_of_it(
    catalogue: Database, scope: AccessScope
) -> None:
    with catalogue.write(TENANT) as session:
        before = view_of(session, scope, secret=SECRET)
        assert before.occurrences == 8  # two ACLs of the tenant, two sources, two places
        one = session.scalars(
            select(AclContentRow.acl_id).where(predicate(*OF)), bound(scope)
        ).first()
        assert one is not None
        change_content(session, TENANT, {Guarded(one, "wiki"): Delta(0, 1)})
        after = view_of(session, scope, secret=SECRET)
    assert after.occurrences == before.occurrences
    assert after.digest != before.digest


def test_a_predicate_names_the_tenant_and_the_acls_itself(
    catalogue: Database, scope: AccessScope
) -> None:
    prepared = select(*OF, AclContentRow.source).where(predicate(*OF))
    outright = select(*OF, AclContentRow.source).where(visible(scope, *OF, AclContentRow.source))
    narrowed = replace(scope, sources=frozenset({"mail"}))
    of_mail = select(*OF, AclContentRow.source).where(visible(narrowed, *OF, AclContentRow.source))
    with catalogue.unguarded("the statements alone are looked at") as session:
        everything = session.execute(select(*OF, AclContentRow.source)).all()
        seen = {row for row in everything if scope.permits(*row)}
        assert (len(everything), len(seen)) == (12, 4)
        assert set(session.execute(prepared, bound(scope)).all()) == seen
        assert set(session.execute(outright).all()) == seen
        assert set(session.execute(of_mail).all()) == {r for r in seen if r.source == "mail"}
