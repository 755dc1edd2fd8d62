"""An issuer of JWTs: what its tokens are believed, and nothing beyond.

Trust is written down here once and cannot be widened by a token: which keys sign, with which
algorithms, for which tenants, as which kind of principal, and which API scopes its scopes mean.
The algorithms are a type of their own in which no symmetric one exists, so that a public key can
never be used as a shared secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from acl.caller import ApiScope, GroupsFrom
from acl.principal import PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Mapping


class Algorithm(StrEnum):
    """Signature algorithms (RFC 7518, RFC 8037) that an issuer can be pinned to."""

    RS256 = "RS256"
    PS256 = "PS256"
    ES256 = "ES256"
    EDDSA = "EdDSA"


DEFAULT_SCOPES: Final[Mapping[str, ApiScope]] = MappingProxyType(
    {scope.value: scope for scope in (ApiScope.RETRIEVE, ApiScope.VERIFY)}
)
"""Reading alone. Whoever lets an issuer make administrators says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """What is believed of one issuer.

    Attributes:
        name: the exact ``iss`` of its tokens.
        audiences: a token must be meant for one of these.
        algorithms: the only ones its keys may be used with.
        tenants: the only tenants it may speak for.
        tenant_claim: the claim that names one of ``tenants``; None if there is only one.
        subject_claim: the claim with the ID of who asks.
        subject_kind: what that ID names, a user or a service.
        subject_prefix: put before every ID, so that two issuers' IDs never meet.
        service_claim: a claim and the value with which a token speaks for a service instead.
        actor_kind: what the IDs in ``act`` name.
        groups_from: whose word counts for the subject's groups.
        groups_claim: the claim that lists groups; needed unless the directory alone is asked.
        scope_claim: the claim with scopes, as a list or separated by blanks.
        scopes: what its scopes mean here; all others mean nothing.
        narrowing_claim: the claim that takes away from the view.
        leeway_seconds: by how much its clock and ours may differ.
        max_lifetime_seconds: no token may be good for longer; None for any length.
    """

    name: str
    audiences: frozenset[str]
    algorithms: tuple[Algorithm, ...]
    tenants: frozenset[str]
    tenant_claim: str | None = None
    subject_claim: str = "sub"
    subject_kind: PrincipalKind = PrincipalKind.USER
    subject_prefix: str = ""
    service_claim: tuple[str, str] | None = None
    actor_kind: PrincipalKind = PrincipalKind.SERVICE
    groups_from: GroupsFrom = GroupsFrom.DIRECTORY
    groups_claim: str | None = None
    scope_claim: str = "scope"
    scopes: Mapping[str, ApiScope] = field(default_factory=lambda: DEFAULT_SCOPES)
    narrowing_claim: str = "clearance"
    leeway_seconds: float = 30.0
    max_lifetime_seconds: float | None = 86_400.0

    def __post_init__(self) -> None:
        """Refuse what would be believed by accident.

        Raises:
            ValueError: the message names the field and the remedy.
        """
        callers = {PrincipalKind.USER, PrincipalKind.SERVICE}
        if not self.algorithms or not self.audiences or not self.tenants:
            raise ValueError("algorithms, audiences and tenants: give at least one of each")
        if self.tenant_claim is None and len(self.tenants) > 1:
            raise ValueError("tenant_claim: name the claim that says which of the tenants")
        if not {self.subject_kind, self.actor_kind} <= callers:
            raise ValueError("subject_kind, actor_kind: a user or a service, nothing else can call")
        if self.groups_from is not GroupsFrom.DIRECTORY and self.groups_claim is None:
            raise ValueError("groups_claim: name the claim, or set groups_from to 'directory'")
        if self.leeway_seconds < 0:
            raise ValueError("leeway_seconds: give zero or more")
