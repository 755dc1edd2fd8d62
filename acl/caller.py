"""The caller: who asks, established from a token and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

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


@dataclass(frozen=True, slots=True)
class Caller:
    """A tenant, the subject asking, the agent acting for it (if any), and the API scopes.

    With an ``actor`` the view is the intersection of what both may see: neither widens the other.
    """

    tenant: str
    subject: Principal
    actor: Principal | None = None
    api_scopes: frozenset[ApiScope] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for role, principal in (("subject", self.subject), ("actor", self.actor)):
            if principal is not None and principal.kind not in {
                PrincipalKind.USER,
                PrincipalKind.SERVICE,
            }:
                # A group or 'everyone' as a caller would be an identity nobody authenticated as.
                raise InvalidPrincipalError(f"{role}: only a user or a service can call")

    def require(self, scope: ApiScope) -> None:
        """Raise :class:`MissingScopeError` unless the token carries ``scope``."""
        if scope not in self.api_scopes:
            raise MissingScopeError(f"this token lacks the API scope '{scope}'")
