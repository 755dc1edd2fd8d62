"""From the claims of a verified JWT to a :class:`~acl.caller.Caller`: pure, and the last to judge.

Every claim that takes part in a decision is either understood in full or refuses the token. None is
repaired, guessed or passed over, because each could have been the one that takes something away:
a group may be what a deny names, a narrowing what keeps an agent to one folder.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

from acl.caller import ApiScope, Caller, GroupsFrom, Narrowing
from acl.errors import AclError
from acl.identity.faults import RefusedTokenError, TokenFault
from acl.identity.narrowing import parse_narrowing
from acl.principal import Principal, PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from acl.identity.issuer import Issuer

    Claims = Mapping[str, Any]

MAX_ACTORS: Final = 4
"""How many agents may stand between a subject and us. Delegation any deeper is likelier a loop."""

MAX_TOKEN_ID: Final = 256
_LATEST: Final = 2**53  # from here on numbers in JSON are no longer exact
# Instead of too many groups, Microsoft's tokens carry a pointer to where they can be asked for.
_OVERAGE: Final = frozenset({"hasgroups", "_claim_names", "_claim_sources"})


def check_times(claims: Claims, issuer: Issuer, *, now: datetime) -> None:
    """Refuse a token at or after ``exp``, or before ``nbf`` or ``iat``, give or take the leeway.

    Here and not in the library, because it asks the machine's clock and we have one of our own.
    """
    at, leeway = now.timestamp(), issuer.leeway_seconds
    expires, issued = _instant(claims, "exp"), _instant(claims, "iat")
    starts = _instant(claims, "nbf")
    if expires is None:
        raise RefusedTokenError(TokenFault.CLAIM)
    if at >= expires + leeway:
        raise RefusedTokenError(TokenFault.EXPIRED)
    if any(moment is not None and moment > at + leeway for moment in (issued, starts)):
        raise RefusedTokenError(TokenFault.NOT_YET_VALID)
    longest = issuer.max_lifetime_seconds
    if longest is not None and (issued is None or expires - issued > longest):
        raise RefusedTokenError(TokenFault.LIFETIME)


def caller_from(claims: Claims, issuer: Issuer, *, signature: str) -> Caller:
    """Who asks, according to ``claims``.

    Args:
        claims: verified.
        issuer: who vouches for them.
        signature: the token's last part, to name a token that has no id of its own.

    Raises:
        RefusedTokenError: a claim is missing, malformed, or says more than ``issuer`` may.
    """
    if "cnf" in claims:
        # Bound to a key (RFC 7800) whose proof was not asked for: as good as stolen.
        raise RefusedTokenError(TokenFault.BOUND)
    return Caller(
        tenant=_tenant(claims, issuer),
        subject=_subject(claims, issuer),
        actors=_actors(claims, issuer),
        api_scopes=_api_scopes(claims, issuer),
        groups=_groups(claims, issuer),
        groups_from=issuer.groups_from,
        narrowing=_narrowing(claims, issuer),
        via=f"jwt:{issuer.name}:{_token_id(claims, signature)}",
    )


def _instant(claims: Claims, claim: str) -> float | None:
    if claim not in claims:
        return None
    value = claims[claim]
    if type(value) not in {int, float} or not abs(value) < _LATEST:
        raise RefusedTokenError(TokenFault.CLAIM)
    return float(value)


def _tenant(claims: Claims, issuer: Issuer) -> str:
    if issuer.tenant_claim is None:
        (tenant,) = issuer.tenants
        return tenant
    named = claims.get(issuer.tenant_claim)
    if not isinstance(named, str) or named not in issuer.tenants:
        raise RefusedTokenError(TokenFault.TENANT)
    return named


def _subject(claims: Claims, issuer: Issuer) -> Principal:
    kind = issuer.subject_kind
    if issuer.service_claim is not None:
        claim, value = issuer.service_claim
        kind = PrincipalKind.SERVICE if claims.get(claim) == value else kind
    return _principal(kind, claims.get(issuer.subject_claim), issuer, fault=TokenFault.SUBJECT)


def _actors(claims: Claims, issuer: Issuer) -> tuple[Principal, ...]:
    """Every actor of the chain (RFC 8693, section 4.1), the current one first.

    The RFC lets earlier actors be told for information; here each of them narrows the view, so that
    an agent gains nothing by asking through another.
    """
    actors: list[Principal] = []
    holder = claims
    while "act" in holder:
        holder = holder["act"]
        if not isinstance(holder, dict) or len(actors) == MAX_ACTORS:
            raise RefusedTokenError(TokenFault.ACTOR)
        if holder.get("iss", issuer.name) != issuer.name:
            # An identity of somebody else's namespace, which this issuer cannot vouch for.
            raise RefusedTokenError(TokenFault.ACTOR)
        actors.append(
            _principal(issuer.actor_kind, holder.get("sub"), issuer, fault=TokenFault.ACTOR)
        )
    return tuple(actors)


def _principal(
    kind: PrincipalKind, ident: object, issuer: Issuer, *, fault: TokenFault
) -> Principal:
    if not isinstance(ident, str) or not ident:
        raise RefusedTokenError(fault)
    try:
        return Principal(kind, issuer.subject_prefix + ident)
    except AclError:
        raise RefusedTokenError(fault) from None


def _api_scopes(claims: Claims, issuer: Issuer) -> frozenset[ApiScope]:
    """What the token may be used for; scopes that mean nothing here are of no concern."""
    value = claims.get(issuer.scope_claim, "")
    names = value.split(" ") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RefusedTokenError(TokenFault.CLAIM)
    return frozenset(issuer.scopes[name] for name in names if name in issuer.scopes)


def _groups(claims: Claims, issuer: Issuer) -> frozenset[Principal]:
    """The groups the token vouches for: all of them, or the token is refused."""
    if issuer.groups_from is GroupsFrom.DIRECTORY:
        return frozenset()
    names = claims.get(issuer.groups_claim or "")
    if _OVERAGE & claims.keys() or not isinstance(names, list):
        raise RefusedTokenError(TokenFault.GROUPS)
    try:
        return frozenset(Principal(PrincipalKind.GROUP, _text(name)) for name in names)
    except AclError:
        raise RefusedTokenError(TokenFault.GROUPS) from None


def _text(name: object) -> str:
    if not isinstance(name, str):
        raise RefusedTokenError(TokenFault.GROUPS)
    return name


def _narrowing(claims: Claims, issuer: Issuer) -> Narrowing:
    if issuer.narrowing_claim not in claims:
        return Narrowing()
    try:
        return parse_narrowing(claims[issuer.narrowing_claim])
    except AclError:
        raise RefusedTokenError(TokenFault.NARROWING) from None


def _token_id(claims: Claims, signature: str) -> str:
    """``jti``, or what else tells this token from others without giving it away."""
    if "jti" not in claims:
        return "sha256-" + hashlib.sha256(signature.encode()).hexdigest()[:32]
    token_id = claims["jti"]
    if (
        not isinstance(token_id, str)
        or not 0 < len(token_id) <= MAX_TOKEN_ID
        or not token_id.isprintable()
    ):
        raise RefusedTokenError(TokenFault.CLAIM)
    return token_id
