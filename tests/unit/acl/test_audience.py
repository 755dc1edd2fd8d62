"""The audience of an ACL is whoever sees it: the decision, read from the other end."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from acl.admin.audience import audiences, inheriting, naming
from tests.security.directories import KNOWN, directories, write_down
from tests.security.reference import Acl, Directory, Entry, chain_of, sees
from tests.support.clock import HOUR, NOON

if TYPE_CHECKING:
    from datetime import datetime

    from acl.orm import Database

_TENANTS = (f"tenant-{number}" for number in itertools.count())
_PEOPLE = [name for name in (*KNOWN, "user:stranger") if name.startswith(("user:", "service:"))]
_SWITCHED_OFF = Directory(
    {"user:ann": True, "user:bob": True, "group:a": False, "group:b": True, "everyone": True},
    frozenset({("user:ann", "group:a"), ("group:a", "group:b"), ("user:bob", "group:b")}),
    {
        "acl-0": Acl("acl-0", entries=(Entry("allow", "group:b"),)),
        "acl-1": Acl("acl-1", entries=(Entry("allow", "everyone"), Entry("deny", "group:b"))),
    },
)


@given(directory=directories(), now=st.sampled_from((NOON - HOUR, NOON, NOON + HOUR)))
@example(directory=_SWITCHED_OFF, now=NOON)
def test_an_audience_is_exactly_those_whom_the_reference_lets_see(
    shared_catalogue: Database, directory: Directory, now: datetime
) -> None:
    tenant = next(_TENANTS)
    write_down(shared_catalogue, tenant, directory)
    expected = {
        name: {person for person in _PEOPLE if sees(directory, person, name, now)}
        for name in directory.acls
    }
    with shared_catalogue.read(tenant) as session:
        assert audiences(session, tenant, [*directory.acls, "no such"], now=now) == {
            **expected,
            "no such": set(),
        }


@given(directory=directories(), principal=st.sampled_from(KNOWN))
def test_the_acls_that_name_somebody_are_found_through_every_group_above(
    shared_catalogue: Database, directory: Directory, principal: str
) -> None:
    tenant = next(_TENANTS)
    write_down(shared_catalogue, tenant, directory)
    above = {principal}
    for _ in KNOWN:
        above |= {group for member, group in directory.members if member in above}
    expected = {
        acl.name
        for acl in directory.acls.values()
        if any(entry.principal in above for entry in acl.entries)
    }
    with shared_catalogue.read(tenant) as session:
        assert naming(session, tenant, [principal]) == expected


@given(directory=directories())
def test_heirs_are_the_acls_in_whose_chain_one_stands(
    shared_catalogue: Database, directory: Directory
) -> None:
    tenant = next(_TENANTS)
    write_down(shared_catalogue, tenant, directory)
    expected = {
        name
        for name in directory.acls
        if any(link.name == "acl-0" for link in chain_of(directory, name))
    }
    with shared_catalogue.read(tenant) as session:
        assert inheriting(session, tenant, ["acl-0"]) == expected
