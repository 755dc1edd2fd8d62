"""The table of what was switched, by whom, and what it was before."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from acl.orm import Base, TenantScoped


class FlagChangeRow(TenantScoped, Base):
    """One change of one flag; ``before`` and ``after`` are None where it is not set."""

    __tablename__ = "flag_change"

    number: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str]
    name: Mapped[str]
    target: Mapped[str]
    before: Mapped[str | None]
    after: Mapped[str | None]
    reason: Mapped[str]
    undoes: Mapped[int | None]
