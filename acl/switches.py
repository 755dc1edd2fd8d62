"""What operators have switched in a tenant, as far as a view and a write depend on it.

One row for each thing that is not as usual; no row means that nothing was switched. The vocabulary
and who may change it are :mod:`retrieval.flags`; what stands here is what no road may miss: the
decision itself leaves out sources that are switched off, and whoever writes asks whether the tenant
is read-only. Every change bumps the tenant's ``acl_version`` in its transaction, so whatever was
kept of a tenant's rows is known to be outdated at the next request, in every process, for the price
of the read that a query makes anyway.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy import String, bindparam, select
from sqlalchemy.orm import Mapped, mapped_column

from acl.orm import Base, TenantScoped, prepared

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

SOURCE: Final = "source"
READ_ONLY: Final = "read_only"

_TENANT = bindparam("tenant_name", type_=String)


class FlagRow(TenantScoped, Base):
    """One thing that is switched: ``name``, of what (``target``, empty for the whole tenant)."""

    __tablename__ = "flag"

    name: Mapped[str] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]
    reason: Mapped[str]


def sources_off(session: Session, tenant: str) -> frozenset[str]:
    """The sources whose documents count as absent."""
    return frozenset(session.scalars(_targets(SOURCE), {"tenant_name": tenant}))


def read_only(session: Session, tenant: str) -> bool:
    """Whether nothing of the tenant's documents is to be written."""
    return session.scalar(_targets(READ_ONLY), {"tenant_name": tenant}) is not None


def read_only_tenants() -> Select[str]:
    """The names of tenants that are, for a statement across tenants."""
    return select(FlagRow.tenant).where(FlagRow.name == READ_ONLY)


@prepared
def _targets(name: str) -> Select[str]:
    return select(FlagRow.target).where(FlagRow.tenant == _TENANT, FlagRow.name == name)
