"""What an ACL guards, by source: kept up to date in the transaction that changes the content.

The hash of an (ACL, source) is a multiset hash (see :mod:`acl.digest`), so changes are added in any
order. Where nothing is left there is no row: an emptied ACL is as one that was never filled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert

from acl import digest
from acl.models import AclContentRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session


class Guarded(NamedTuple):
    """Under which ACL something of which source stands."""

    acl_id: str
    source: str


class Delta(NamedTuple):
    """Occurrences more (or fewer, if negative), and the sum of their hashes, of any sign."""

    occurrences: int
    hashes: int


def change_content(session: Session, tenant: str, deltas: Mapping[Guarded, Delta]) -> None:
    """Apply changes to what stands under each ACL, source by source."""
    for (acl_id, source), delta in sorted(deltas.items()):
        row = session.get(AclContentRow, (tenant, acl_id, source))
        held = 0 if row is None else row.occurrences
        total = held + delta.occurrences
        value = digest.add(digest.EMPTY if row is None else row.content_hash, _word(delta.hashes))
        if row is not None and total:
            row.occurrences, row.content_hash = total, value
        elif row is not None:
            session.delete(row)
        elif total:
            session.add(AclContentRow(**_values(tenant, acl_id, source, total, value)))
    session.flush()


def replace_content(session: Session, tenant: str, content: Mapping[Guarded, Delta]) -> None:
    """Forget what was known of the tenant and store ``content`` instead."""
    session.execute(delete(AclContentRow).where(AclContentRow.tenant == tenant))
    rows = [
        _values(tenant, acl_id, source, delta.occurrences, _word(delta.hashes))
        for (acl_id, source), delta in sorted(content.items())
        if delta.occurrences
    ]
    if rows:
        session.execute(insert(AclContentRow), rows)


def _word(hashes: int) -> bytes:
    return (hashes % digest.MODULUS).to_bytes(32, "big")


def _values(
    tenant: str, acl_id: str, source: str, occurrences: int, value: bytes
) -> dict[str, object]:
    return {
        "tenant": tenant,
        "acl_id": acl_id,
        "source": source,
        "occurrences": occurrences,
        "content_hash": value,
    }
