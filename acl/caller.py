"""The caller: who asks, established from a token and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from acl.errors import InvalidPrincipalError, MissingScopeError
from acl.principal import Principal, PrincipalKind


class ApiScope(StrEnum):
    """What a token may be used for; orthogonal to what its subject may see."""

    RETRIEVE = "retrieve"
    VERIFY = "verify"
    INGEST = "ingest"
    ACL_ADMIN = "acl:admin"
    ANALYST = "analyst"
    AUDIT = "audit"
    OPS = "ops"


READING: Final = frozenset({ApiScope.RETRIEVE, ApiScope.VERIFY})
"""What these open is decided by the caller's view; everything else is an office in the tenant."""


class GroupsFrom(StrEnum):
    """Where the subject's groups come from; what groups those are in is the directory's word."""

    DIRECTORY = "directory"
    CLAIM = "claim"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What the token itself leaves of the view. Each part only ever takes away; None takes nothing.

    Attributes:
        sources: only documents of these sources.
        acls: only these ACLs, by name, and those below them.
        purpose: only ACLs that allow this purpose, or allow any.
    """

    sources: frozenset[str] | None = None
    acls: frozenset[str] | None = None
    purpose: str | None = None


NOT_NARROWED: Final = Narrowing()


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant, the subject asking, the agents acting for it (if any), and the API scopes.

    Attributes:
        actors: every agent between the subject and us. The view is the intersection of what all of
            them and the subject may see: none widens another.
        groups: groups the token asserts for the subject, by an issuer trusted with them.
        groups_from: whether ``groups``, the directory's memberships, or both count.
        narrowing: what the token itself takes away.
        via: the credential, for the audit (a key's id, or an issuer and token id). It decides
            nothing, so callers that differ in it alone are equal.
    """

    tenant: str
    subject: Principal
    actors: tuple[Principal, ...] = ()
    api_scopes: frozenset[ApiScope] = field(default_factory=frozenset)
    groups: frozenset[Principal] = field(default_factory=frozenset)
    groups_from: GroupsFrom = GroupsFrom.DIRECTORY
    narrowing: Narrowing = NOT_NARROWED
    via: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for role, principal in (
            ("subject", self.subject),
            *(("actor", actor) for actor in self.actors),
        ):
            if principal.kind not in {PrincipalKind.USER, PrincipalKind.SERVICE}:
                # A group or 'everyone' as a caller would be an identity nobody authenticated as.
                raise InvalidPrincipalError(f"{role}: only a user or a service can call")
        if any(group.kind is not PrincipalKind.GROUP for group in self.groups):
            # 'user:ann' among the groups would be a second subject.
            raise InvalidPrincipalError("groups: a token can assert groups and nothing else")

    @property
    def bound(self) -> bool:
        """Whether an agent is in between, or the token takes something away."""
        return bool(self.actors) or self.narrowing != NOT_NARROWED

    def require(self, scope: ApiScope) -> None:
        """Raise :class:`MissingScopeError` unless the token carries ``scope``."""
        if scope not in self.api_scopes:
            raise MissingScopeError(f"this token lacks the API scope '{scope}'")
