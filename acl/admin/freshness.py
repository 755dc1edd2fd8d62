"""How current synchronised ACLs are: confirmed by whoever keeps them, or closed once too old.

An ACL that mirrors rights kept elsewhere is only as good as its last confirmation: somebody may
have been locked out there since. So past its age it admits nobody, unlike outdated content, which
is merely said to be outdated.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from acl.admin.directory import bump_acl_version
from acl.models import AclSyncRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


def limit_age(
    session: Session, tenant: str, name: str, *, max_age_seconds: int | None, now: datetime
) -> bool:
    """Set how old the ACLs kept by ``name`` may grow; None for no limit. True if that is new.

    Without any confirmation so far, they count as confirmed never, so a limit closes them at once.
    """
    row = session.get(AclSyncRow, (tenant, name))
    if max_age_seconds is None:
        if row is None:
            return False
        session.delete(row)
    elif row is None:
        session.add(
            AclSyncRow(tenant=tenant, name=name, max_age_seconds=max_age_seconds, closes_at=now)
        )
    elif row.max_age_seconds == max_age_seconds:
        return False
    else:
        row.max_age_seconds = max_age_seconds
        if row.checked_at is not None:
            row.closes_at = row.checked_at + timedelta(seconds=max_age_seconds)
    session.flush()
    bump_acl_version(session, tenant)
    return True


def confirm(session: Session, tenant: str, name: str, *, now: datetime) -> None:
    """Note that the ACLs kept by ``name`` have just been read from where they are kept.

    It belongs into the transaction that stores them: confirmed and not yet stored would be a lie.
    """
    row = session.get(AclSyncRow, (tenant, name))
    if row is None:
        return
    row.checked_at = now
    row.closes_at = now + timedelta(seconds=row.max_age_seconds)
    # A cached scope knows when it ends, but a closed one would not know that it may open.
    bump_acl_version(session, tenant)
