"""Whether documents of a tenant may be written: the one question every writing road asks.

Asked here and not only where requests come in, so that a job at the command line, a push and a run
that waited obey alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from acl.switches import read_only
from ingestion.errors import ReadOnlyError

if TYPE_CHECKING:
    from acl.orm import Database

REFUSED: Final = "this tenant is read-only for now: operators have stopped writes; try again later"


def require_writable(database: Database, tenant: str) -> None:
    """Refuse to write documents of a tenant that is read-only.

    Raises:
        ReadOnlyError: it is.
    """
    with database.read(tenant) as session:
        if read_only(session, tenant):
            raise ReadOnlyError(REFUSED)
