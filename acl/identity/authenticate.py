"""From a bearer token to the caller it speaks for: the one door, whichever way a request came.

HTTP, MCP over HTTP and MCP over standard streams all ask here. The form of a token says which kind
it is, and there is no second try: a key that is refused is never looked at as a JWT, nor the other
way round.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from acl.caller import READING
from acl.errors import TenantDisabledError
from acl.identity import keys
from acl.identity.faults import RefusedTokenError, TokenFault
from acl.models import PrincipalRow, Tenant

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Select

    from acl.caller import Caller
    from acl.identity.key_use import KeyUse
    from acl.identity.tokens import Tokens
    from acl.orm import Database


@cache
def _enabled() -> Select[bool]:
    """Whether a tenant is on. Built once: each request with a JWT asks."""
    return select(Tenant.enabled).where(Tenant.name == bindparam("name"))


@dataclass(frozen=True, slots=True)
class Identity:
    """A caller, and for whom the token was meant.

    Attributes:
        caller: whom the token speaks for.
        audiences: the token's own, if it names any. A key names none: it is good only where it is
            found, so it was meant for this installation.
    """

    caller: Caller
    audiences: tuple[str, ...] | None = None


class Authenticator:
    """Tells who a bearer token speaks for. Thread-safe.

    Args:
        database: the catalogue, with keys and tenants.
        tokens: verifies JWTs; None if no issuer is configured.
        used: notes the use of keys; None to note nothing.
    """

    def __init__(
        self, database: Database, *, tokens: Tokens | None = None, used: KeyUse | None = None
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._used = used

    def identify(self, token: str, *, now: datetime) -> Identity:
        """Who ``token`` speaks for at ``now``.

        Raises:
            RefusedTokenError: it is no good, for whatever reason.
            TenantDisabledError: it is good, and its tenant is switched off.
        """
        if not token:
            raise RefusedTokenError(TokenFault.ABSENT)
        if token.startswith(keys.PREFIX):
            caller = keys.authenticate(self._database, token, now=now)
            if self._used is not None:
                self._used.note(caller, at=now)
            return Identity(self._in_office(caller))
        return self._from_jwt(token, now=now)

    def _from_jwt(self, token: str, *, now: datetime) -> Identity:
        if self._tokens is None:
            raise RefusedTokenError(TokenFault.UNKNOWN_ISSUER)
        verified = self._tokens.verify(token, now=now)
        self._require_tenant(verified.caller)
        return Identity(self._in_office(verified.caller), verified.audiences)

    def _in_office(self, caller: Caller) -> Caller:
        """``caller`` without any office, if they are bound or switched off.

        An office is held in the whole tenant, so it cannot be narrowed to part of it, and an agent
        that had one could grant itself what its user kept from it. And whoever is switched off sees
        nothing, but administration does not ask the resolver.
        """
        if caller.api_scopes <= READING:
            return caller
        if caller.bound or self._switched_off(caller):
            return replace(caller, api_scopes=caller.api_scopes & READING)
        return caller

    def _switched_off(self, caller: Caller) -> bool:
        with self._database.read(caller.tenant) as session:
            known = session.get(PrincipalRow, (caller.tenant, str(caller.subject)))
            return known is not None and not known.enabled

    def _require_tenant(self, caller: Caller) -> None:
        """Administration asks no resolver, so a tenant that is not there or off is refused here."""
        with self._database.unguarded("whether the tenant of a good token is there") as session:
            enabled = session.scalar(_enabled(), {"name": caller.tenant})
        if enabled is None:
            raise RefusedTokenError(TokenFault.TENANT)
        if not enabled:
            raise TenantDisabledError(keys.TENANT_DISABLED, caller=caller)
