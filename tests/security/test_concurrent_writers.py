"""Writers of one tenant take turns, on each engine: what one has read is true when it writes.

Or two changes that are each in order would together leave what neither would have.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING

from acl import digest
from acl.admin.acls import acl_by_name, put_acl
from acl.content import Delta, Guarded, change_content
from acl.errors import InvalidAclError
from acl.models import AclContentRow
from tests.support.clock import NOON
from tests.support.installation import SECRET, TENANT

if TYPE_CHECKING:
    from tests.support.installation import Installation

_WRITERS = 4
_CHANGES = 12


def test_no_change_of_what_an_acl_guards_is_lost(world: Installation) -> None:
    """A lost one would leave the view digest wrong for good."""
    with world.change() as session:
        acl_id, _ = put_acl(session, TENANT, "a", secret=SECRET, now=NOON)

    def write(writer: int) -> None:
        for _ in range(_CHANGES):
            with world.runtime.database.write(TENANT) as session:
                change_content(session, TENANT, {Guarded(acl_id, "wiki"): Delta(1, writer)})

    with ThreadPoolExecutor(_WRITERS) as pool:
        list(pool.map(write, range(_WRITERS)))
    with world.runtime.database.read(TENANT) as session:
        row = session.get_one(AclContentRow, (TENANT, acl_id, "wiki"))
    hashes = _CHANGES * sum(range(_WRITERS))
    assert row.occurrences == _WRITERS * _CHANGES
    assert row.content_hash == hashes.to_bytes(len(digest.EMPTY), "big")


def test_two_who_move_acls_under_each_other_make_no_cycle(world: Installation) -> None:
    names = [f"acl-{number}" for number in range(_WRITERS)]
    world.ensure_tenant()

    def move(number: int) -> None:
        own, other = names[number], names[(number + 1) % _WRITERS]
        with suppress(InvalidAclError), world.runtime.database.write(TENANT) as session:
            put_acl(session, TENANT, own, parent=other, secret=SECRET, now=NOON)

    for _ in range(5):
        with world.change() as session:
            for name in names:
                put_acl(session, TENANT, name, secret=SECRET, now=NOON)
        with ThreadPoolExecutor(_WRITERS) as pool:
            list(pool.map(move, range(_WRITERS)))
        with world.runtime.database.read(TENANT) as session:
            parents = [acl_by_name(session, TENANT, name).parent_id for name in names]
        assert parents.count(None) == 1
