"""The flags as this process last read them, and whether they still stand.

Every change bumps the tenant's ``acl_version`` in its own transaction. What was read is used only
while that version is the one it was read at, so a change that has returned is obeyed by the next
request of every process, and a request costs one indexed read: none at all where the version is
known anyway, as in a query's snapshot.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from acl.resolve import versions_of
from retrieval.flags.state import flags_in

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from acl.orm import Database
    from retrieval.flags.state import Flags

SIZE: Final = 4_096


class FlagBoard:
    """Remembers the flags of tenants. Thread-safe.

    Args:
        database: the catalogue.
        size: how many tenants are remembered.
    """

    def __init__(self, database: Database, *, size: int = SIZE) -> None:
        self._database = database
        self._size = size
        self._known: OrderedDict[str, tuple[int, Flags]] = OrderedDict()
        self._lock = threading.Lock()

    def now(self, tenant: str) -> Flags:
        """The flags of a tenant at this moment.

        Raises:
            NotFoundError, TenantDisabledError: as :func:`acl.resolve.versions_of`.
        """
        with self._database.read(tenant) as session:
            return self.at(session, tenant, versions_of(session, tenant).acl)

    def at(self, session: Session, tenant: str, acl_version: int) -> Flags:
        """The flags in the snapshot of ``session``, in which the tenant is at ``acl_version``."""
        with self._lock:
            known = self._known.get(tenant)
        if known is not None and known[0] == acl_version:
            return known[1]
        flags = flags_in(session, tenant)
        with self._lock:
            self._known[tenant] = (acl_version, flags)
            self._known.move_to_end(tenant)
            while len(self._known) > self._size:
                self._known.popitem(last=False)
        return flags
