"""The one decision: ``resolve(caller) -> AccessScope``. The sole minter of scopes.

The chain of an ACL is itself and its ancestors up to the first with ``inherit: false``. A caller
sees an ACL iff some unexpired allow in the chain names one of the caller's principals **and** no
unexpired deny in the chain does. Read downwards, as the SQL does: an entry on an ACL reaches every
descendant that inherits; what is reached by an allow and by no deny is visible.

Work is proportional to the caller's own reach (groups they are in, ACLs those are named on, and
what inherits from them), never to the tenant.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import String, and_, bindparam, case, func, or_, select
from sqlalchemy.orm import aliased

from acl.errors import NotFoundError, ScopeTooLargeError, TenantDisabledError
from acl.models import AclEntryRow, AclRow, MembershipRow, PrincipalRow, Tenant
from acl.orm import UtcDateTime
from acl.principal import EVERYONE
from acl.scope import MINT, AccessScope

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import CTE, BindParameter, Select
    from sqlalchemy.orm import Session

    from acl.caller import Caller
    from acl.principal import Principal

DEFAULT_MAX_ACLS = 10_000


def resolve(
    session: Session, caller: Caller, *, now: datetime, max_acls: int = DEFAULT_MAX_ACLS
) -> AccessScope:
    """Decide what ``caller`` may see at ``now``.

    A caller or actor who is unknown or disabled sees nothing. With an actor, the view is the
    intersection: neither the agent nor the user widens the other.

    Raises:
        NotFoundError: the tenant does not exist.
        TenantDisabledError: the tenant is switched off.
        ScopeTooLargeError: more than ``max_acls`` ACLs would be visible.
    """
    tenant = session.get(Tenant, caller.tenant)
    if tenant is None:
        raise NotFoundError(f"tenant {caller.tenant!r} does not exist")
    if not tenant.enabled:
        raise TenantDisabledError("this tenant is disabled")
    visible, expiry = _visible_to(session, caller.tenant, caller.subject, now)
    if caller.actor is not None:
        actor_visible, actor_expiry = _visible_to(session, caller.tenant, caller.actor, now)
        visible &= actor_visible
        expiry = min((e for e in (expiry, actor_expiry) if e is not None), default=None)
    if len(visible) > max_acls:
        # Cutting the list would answer from an arbitrary part of the caller's documents.
        raise ScopeTooLargeError(
            f"the caller sees {len(visible)} ACLs, more than the maximum of {max_acls}: group "
            "documents under fewer ACLs, or raise CLEARANCE_MAX_VISIBLE_ACLS"
        )
    return AccessScope(
        caller=caller,
        acl_ids=frozenset(visible),
        as_of=now,
        valid_until=expiry,
        acl_version=tenant.acl_version,
        mint=MINT,
    )


def _visible_to(
    session: Session, tenant: str, principal: Principal, now: datetime
) -> tuple[set[str], datetime | None]:
    """ACL ids visible to one principal, and the next expiry among the entries that name it."""
    visible, expiry = _statements()
    values = {"tenant_name": tenant, "asking": str(principal), "now": now}
    return set(session.scalars(visible, values)), session.scalar(expiry, values)


@cache  # built once: constructing the statements costs ten times what running them does
def _statements() -> tuple[Select[str], Select[datetime | None]]:
    """The visible ACL ids, and the earliest expiry among the entries considered."""
    tenant = bindparam("tenant_name", type_=String)
    who = _principals(tenant)
    now = bindparam("now", type_=UtcDateTime)
    unexpired = or_(AclEntryRow.expires_at.is_(None), AclEntryRow.expires_at > now)
    named = (
        select(AclEntryRow.acl_id, AclEntryRow.effect, AclEntryRow.expires_at)
        .join(who, AclEntryRow.principal == who.c.principal)
        .where(AclEntryRow.tenant == tenant, unexpired)
        .cte("named")
    )
    spread = select(named.c.acl_id, named.c.effect).cte("spread", recursive=True)
    child = aliased(AclRow)
    spread = spread.union(
        select(child.id, spread.c.effect)
        .join(spread, child.parent_id == spread.c.acl_id)
        .where(child.tenant == tenant, child.inherit)
    )
    # Deny wins wherever it stands in the chain: one reaching deny removes the ACL.
    denies = func.sum(case((spread.c.effect == "deny", 1), else_=0))
    visible = select(spread.c.acl_id).group_by(spread.c.acl_id).having(denies == 0)
    return visible, select(func.min(named.c.expires_at))


def _principals(tenant: BindParameter[str]) -> CTE:
    """The asking principal, every enabled group reached by membership, and 'everyone'."""
    reach = (
        select(PrincipalRow.principal)
        .where(
            PrincipalRow.tenant == tenant,
            PrincipalRow.principal == bindparam("asking", type_=String),
            PrincipalRow.enabled,
        )
        .cte("reach", recursive=True)
    )
    group = aliased(PrincipalRow)
    # UNION, not UNION ALL: a group already reached is not expanded again, so cycles end.
    reach = reach.union(
        select(MembershipRow.grp)
        .join(reach, MembershipRow.member == reach.c.principal)
        .join(
            group,
            and_(
                group.tenant == MembershipRow.tenant,
                group.principal == MembershipRow.grp,
                group.enabled,
            ),
        )
        .where(MembershipRow.tenant == tenant)
    )
    # 'everyone' is a principal like the others, so it too can be switched off.
    everyone = select(PrincipalRow.principal).where(
        PrincipalRow.tenant == tenant,
        PrincipalRow.principal == str(EVERYONE),
        PrincipalRow.enabled,
        select(reach).exists(),
    )
    return select(reach.c.principal).union(everyone).cte("who")
