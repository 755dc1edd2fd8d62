"""The access scope: a caller's resolved view. If you hold one, the decision has been made.

A scope cannot be constructed outside :mod:`acl.resolve`: the constructor asks for a token that
only that module imports (an architecture test holds every other module to it). It is frozen, and
it only ever answers about its own tenant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from acl.caller import Caller


class _Mint:
    """The type of the token that lets :mod:`acl.resolve` construct a scope."""

    __slots__ = ()


MINT: Final = _Mint()


@dataclass(frozen=True, slots=True)
class AccessScope:
    """What one caller may see at one moment.

    Attributes:
        caller: who this scope was resolved for.
        acl_ids: ids of every visible ACL. Empty means: nothing.
        sources: the only sources that count, if the token is narrowed to some; None if not.
        closed: whose ACLs would admit the caller to something, were they not too old to trust.
        as_of: the clock at resolution, aware UTC.
        valid_until: the earliest instant at which an entry that was considered expires, or ACLs
            grow too old, or None. The scope must not be used at or after it.
        acl_version: the tenant's ACL version it was computed from.
    """

    caller: Caller
    acl_ids: frozenset[str]
    sources: frozenset[str] | None
    closed: frozenset[str]
    as_of: datetime
    valid_until: datetime | None
    acl_version: int
    mint: _Mint = field(repr=False, compare=False)
    sorted_ids: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.mint is not MINT:
            raise TypeError("an AccessScope is made by acl.resolve.resolve and nowhere else")
        object.__setattr__(self, "sorted_ids", tuple(sorted(self.acl_ids)))

    @property
    def tenant(self) -> str:
        """The only tenant this scope speaks about."""
        return self.caller.tenant

    @property
    def empty(self) -> bool:
        """True if the caller sees no ACL at all; then the index need not be asked."""
        return not self.acl_ids or self.sources == frozenset()

    def permits(self, tenant: str, acl_id: str, source: str) -> bool:
        """True iff something of ``source`` under ``acl_id`` of ``tenant`` may be shown.

        The tenant is an argument, although ids are unique, so that a row of a foreign tenant can
        never pass by carrying a familiar id.
        """
        admitted = self.sources is None or source in self.sources
        return tenant == self.caller.tenant and acl_id in self.acl_ids and admitted

    def within(self, sources: Iterable[str] | None) -> frozenset[str] | None:
        """``sources`` as far as the scope admits them; None where neither names any."""
        if sources is None or self.sources is None:
            return self.sources if sources is None else frozenset(sources)
        return self.sources & frozenset(sources)

    def expired(self, now: datetime) -> bool:
        """True if an entry this scope rests on has expired by ``now``."""
        return self.valid_until is not None and now >= self.valid_until
