"""The flags of a tenant at one moment, as requests read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import String, bindparam, select

from acl.orm import prepared
from acl.switches import FlagRow
from retrieval.flags.flag import FlagName
from verifier.policy import TrustPolicy

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Flags:
    """What is switched in a tenant, but for what the access scope knows: sources and the tenant.

    Attributes:
        read_only: refuse what writes.
        exact_only: search exactly, however much can be seen.
        lexical_only: search by words alone.
        trust: the policy that stands instead of the setting; None for the setting.
        routes: operations that are off.
        tools: MCP tools that are off.
    """

    read_only: bool = False
    exact_only: bool = False
    lexical_only: bool = False
    trust: TrustPolicy | None = None
    routes: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()

    def policy(self, setting: TrustPolicy) -> TrustPolicy:
        """The policy on injected instructions, where ``setting`` is the installation's."""
        return setting if self.trust is None else self.trust


NONE_SET: Final = Flags()


def flags_in(session: Session, tenant: str) -> Flags:
    """The flags in this session's snapshot."""
    rows = session.execute(_rows(), {"tenant_name": tenant}).all()
    if not rows:
        return NONE_SET
    named: dict[str, dict[str, str]] = {}
    for name, target, value in rows:
        named.setdefault(name, {})[target] = value
    trust = named.get(FlagName.TRUST_POLICY, {}).get("")
    return Flags(
        read_only=FlagName.READ_ONLY in named,
        exact_only=FlagName.EXACT_ONLY in named,
        lexical_only=FlagName.LEXICAL_ONLY in named,
        trust=None if trust is None else TrustPolicy(trust),
        routes=frozenset(named.get(FlagName.ROUTE, {})),
        tools=frozenset(named.get(FlagName.TOOL, {})),
    )


@prepared
def _rows() -> Select[str, str, str]:
    return select(FlagRow.name, FlagRow.target, FlagRow.value).where(
        FlagRow.tenant == bindparam("tenant_name", type_=String)
    )
