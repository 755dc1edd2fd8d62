"""The setting ``CLEARANCE_ISSUERS``: which issuers of JWTs are trusted, with what.

The edge: names and values are checked here, with messages that name the field. What they mean is
:class:`acl.identity.issuer.Issuer`, and nothing else decides about a token.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from acl import strict_json
from acl.caller import ApiScope, GroupsFrom
from acl.entries import check_name
from acl.errors import InvalidAclError
from acl.identity.issuer import DEFAULT_SCOPES, Algorithm, Issuer
from acl.principal import PrincipalKind
from retrieval.fetch_keys import check_address, from_file, over_https

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acl.identity.tokens import Tokens


def _tenant(name: str) -> str:
    try:
        return check_name(name, field="tenant")
    except InvalidAclError as error:
        raise ValueError(str(error)) from None


Text = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
Tenant = Annotated[str, AfterValidator(_tenant)]


class IssuerSettings(BaseModel):
    """One trusted issuer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: Text = Field(description="The exact iss of its tokens.")
    audience: tuple[Text, ...] = Field(
        min_length=1,
        description="A token must name one of these in aud: this installation's URL, and for MCP "
        "its URL with /mcp.",
    )
    algorithms: tuple[Algorithm, ...] = Field(
        min_length=1,
        description="What its keys may be used with: RS256, PS256, ES256, EdDSA. A key that names "
        "no algorithm is used with the first that fits.",
    )
    jwks_url: Annotated[str, AfterValidator(check_address)] | None = Field(
        default=None, description="Where its keys are published. Or give jwks_file."
    )
    jwks_file: Path | None = Field(
        default=None, description="A file with its keys, read anew every ten minutes."
    )
    tenant: Tenant | None = Field(
        default=None, description="The only tenant it speaks for. Or give tenant_claim."
    )
    tenant_claim: Text | None = Field(
        default=None, description="The claim that names the tenant, one of tenants."
    )
    tenants: tuple[Tenant, ...] = Field(
        default=(), description="With tenant_claim: the only tenants it is trusted with."
    )
    subject_claim: Text = Field(default="sub", description="The claim with the ID of who asks.")
    subject_kind: PrincipalKind = Field(
        default=PrincipalKind.USER, description="What that ID names: user or service."
    )
    subject_prefix: str = Field(
        default="",
        max_length=64,
        description="Put before every ID of this issuer, such as okta/. Two issuers for one tenant "
        "need different ones.",
    )
    service_claim: tuple[Text, Text] | None = Field(
        default=None,
        description="A claim and its value with which a token speaks for a service instead, such "
        'as ["idtyp", "app"].',
    )
    actor_kind: PrincipalKind = Field(
        default=PrincipalKind.SERVICE, description="What the IDs in act name: service or user."
    )
    groups_from: GroupsFrom = Field(
        default=GroupsFrom.DIRECTORY,
        description="Whose word counts for the groups of who asks: directory, claim or both.",
    )
    groups_claim: Text | None = Field(
        default=None, description="The claim that lists them, unless the directory alone is asked."
    )
    scope_claim: Text = Field(default="scope", description="The claim with API scopes.")
    scopes: dict[Text, ApiScope] = Field(
        default_factory=lambda: dict(DEFAULT_SCOPES),
        description="What its scopes mean here; others mean nothing. Unless given, only retrieve "
        "and verify mean anything.",
    )
    narrowing_claim: Text = Field(
        default="clearance", description="The claim that takes away: sources, acls, purpose."
    )
    leeway_seconds: float = Field(
        default=30, ge=0, le=300, description="By how much its clock and ours may differ."
    )
    advertised: bool = Field(
        default=False,
        description="Whether it is named to MCP clients that look for where to sign in. Anybody "
        "may read that.",
    )
    max_lifetime_seconds: float | None = Field(
        default=86_400, gt=0, description="No token may be good for longer; null for any length."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.jwks_url is None) == (self.jwks_file is None):
            raise ValueError("give either jwks_url or jwks_file")
        if (self.tenant is None) == (self.tenant_claim is None):
            raise ValueError("give either tenant or tenant_claim")
        if (self.tenant_claim is None) != (not self.tenants):
            raise ValueError("give tenants together with tenant_claim, and not without it")
        self.trusted()  # what else can be wrong, it says itself
        return self

    def trusted(self) -> Issuer:
        """What is believed of this issuer."""
        return Issuer(
            name=self.issuer,
            audiences=frozenset(self.audience),
            algorithms=self.algorithms,
            tenants=frozenset(self.tenants) if self.tenant is None else frozenset({self.tenant}),
            tenant_claim=self.tenant_claim,
            subject_claim=self.subject_claim,
            subject_kind=self.subject_kind,
            subject_prefix=self.subject_prefix,
            service_claim=self.service_claim,
            actor_kind=self.actor_kind,
            groups_from=self.groups_from,
            groups_claim=self.groups_claim,
            scope_claim=self.scope_claim,
            scopes=self.scopes,
            narrowing_claim=self.narrowing_claim,
            leeway_seconds=self.leeway_seconds,
            max_lifetime_seconds=self.max_lifetime_seconds,
        )

    def fetch(self) -> Callable[[], bytes]:
        """How to get its keys."""
        if self.jwks_file is not None:
            return from_file(self.jwks_file)
        return over_https(self.jwks_url or "")


def read_issuers(value: object) -> object:
    """The setting as it stands in the environment, as JSON; anything else is passed on.

    Raises:
        ValueError: it is no JSON, or says something twice.
    """
    if not isinstance(value, str):
        return value
    try:
        return strict_json.loads(value)
    except ValueError as error:
        raise ValueError(f"give a JSON list of issuers ({error})") from None


def check_together(issuers: Sequence[IssuerSettings]) -> None:
    """Refuse issuers that could be taken for one another.

    Raises:
        ValueError: two have one name, or could give one ID of one tenant to two people.
    """
    for one, other in combinations(issuers, 2):
        if one.issuer == other.issuer:
            raise ValueError(f"issuer {one.issuer!r} is given twice")
        shared = one.trusted().tenants & other.trusted().tenants
        prefixes = sorted((one.subject_prefix, other.subject_prefix), key=len)
        if shared and prefixes[1].startswith(prefixes[0]):
            raise ValueError(
                f"issuers {one.issuer!r} and {other.issuer!r} both speak for {min(shared)!r}: give "
                "each a subject_prefix that is not the beginning of the other's, or one ID could "
                "mean two people"
            )


def create_tokens(issuers: Sequence[IssuerSettings]) -> Tokens | None:
    """What verifies JWTs of ``issuers``; None, and nothing loaded, without any."""
    if not issuers:
        return None
    from acl.identity.jwks import KeySet  # noqa: PLC0415 - cryptography takes a while to load
    from acl.identity.tokens import Tokens  # noqa: PLC0415 - as above

    return Tokens((one.trusted(), KeySet(one.fetch(), one.algorithms)) for one in issuers)
