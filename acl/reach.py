"""What one principal reaches, in SQL: groups upwards, then ACLs downwards.

Read downwards, the semantics are: an entry on an ACL reaches every descendant that inherits; what
is reached by an allow and by no deny is admitted. Work is proportional to the principal's own reach
(groups they are in, ACLs those are named on, and what inherits from them), never to the tenant.

A disabled group admits nobody, but what it refuses stays refused: switching something off must
never show anybody more. So the closure carries, beside each group, whether all on the way to it is
enabled, and only denies count where it is not.

The statements are built once for each shape: building them costs ten times what running them does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    String,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    type_coerce,
    union,
    union_all,
)
from sqlalchemy.orm import aliased

from acl.caller import GroupsFrom
from acl.models import (
    AclContentRow,
    AclEntryRow,
    AclPurposeRow,
    AclRow,
    AclSyncRow,
    MembershipRow,
    PrincipalRow,
)
from acl.ordered_join import onwards
from acl.orm import UtcDateTime, batches, instant, prepared
from acl.principal import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from sqlalchemy import CTE, CompoundSelect, Select
    from sqlalchemy.orm import Session

    from acl.caller import Narrowing
    from acl.principal import Principal

_TENANT = bindparam("tenant_name", type_=String)
_ASKING = bindparam("asking", type_=String)
_NOW = bindparam("now", type_=UtcDateTime)
_ASSERTED = bindparam("asserted", expanding=True, type_=String)
_NONE: frozenset[Any] = frozenset()


@dataclass(frozen=True, slots=True)
class Reached:
    """What one principal reaches.

    Attributes:
        acl_ids: ACLs that an allow admits to and no deny refuses.
        closed: of those, the ones under ACLs too old to trust, and whose those are.
        expiry: the next moment at which an entry that was considered expires.
    """

    acl_ids: frozenset[str]
    closed: Mapping[str, str]
    expiry: datetime | None


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which parts the statement has; most callers need none of them."""

    asserted: bool
    directory: bool
    purpose: bool
    closing: bool


def of(
    session: Session,
    tenant: str,
    principal: Principal,
    *,
    now: datetime,
    purpose: str | None = None,
    closing: bool = False,
    asserted: frozenset[Principal] = _NONE,
    groups_from: GroupsFrom = GroupsFrom.DIRECTORY,
) -> Reached:
    """What ``principal`` reaches at ``now``; nothing if unknown or disabled.

    Args:
        session: of the tenant.
        tenant: whose directory.
        principal: a user or a service.
        now: aware UTC; an entry counts before its expiry and not at it.
        purpose: refuse ACLs that state purposes and not this one.
        closing: whether some ACLs may be too old to trust (see :func:`outdated`).
        asserted: groups that the token vouches for.
        groups_from: whose word counts for the principal's own groups.
    """
    shape = _Shape(
        asserted=bool(asserted) and groups_from is not GroupsFrom.DIRECTORY,
        directory=groups_from is not GroupsFrom.CLAIM,
        purpose=purpose is not None,
        closing=closing,
    )
    values = {"tenant_name": tenant, "asking": str(principal), "now": now}
    if shape.asserted:
        values["asserted"] = sorted(str(group) for group in asserted)
    if shape.purpose:
        values["purpose"] = purpose
    acl_ids: set[str] = set()
    closed: dict[str, str] = {}
    next_expiry: datetime | None = None
    for acl_id, because, expiry in session.execute(_statement(shape), values).all():
        if acl_id is None:
            next_expiry = None if expiry is None else instant(expiry)
            continue
        acl_ids.add(acl_id)
        if because:
            closed[acl_id] = because
    return Reached(frozenset(acl_ids), closed, next_expiry)


def outdated(session: Session, tenant: str, now: datetime) -> tuple[list[str], datetime | None]:
    """Whose ACLs are too old to trust at ``now``, and when the next ones will be."""
    rows = session.execute(_confirmations(), {"tenant_name": tenant}).all()
    ahead = [row.closes_at for row in rows if row.closes_at > now]
    return [row.name for row in rows if row.closes_at <= now], min(ahead, default=None)


def below(session: Session, tenant: str, names: Collection[str]) -> frozenset[str]:
    """The ACLs of these names and every ACL beneath them, whether or not it inherits."""
    found = (
        select(AclRow.id)
        .where(AclRow.tenant == tenant, AclRow.name.in_(sorted(names)))
        .cte("below", recursive=True)
    )
    child = aliased(AclRow)
    found = found.union(
        select(child.id).join(found, child.parent_id == found.c.id).where(child.tenant == tenant)
    )
    return frozenset(session.scalars(select(found.c.id)))


def guarding(
    session: Session, tenant: str, acl_ids: Collection[str], narrowing: Narrowing
) -> frozenset[str]:
    """Those of the ACLs under which something stands that the narrowing leaves."""
    found: set[str] = set()
    for some in batches(sorted(acl_ids)):
        where = [AclContentRow.tenant == tenant, AclContentRow.acl_id.in_(some)]
        if narrowing.sources is not None:
            where.append(AclContentRow.source.in_(sorted(narrowing.sources)))
        found.update(session.scalars(select(AclContentRow.acl_id).where(*where)))
    return frozenset(found)


def sources_under(session: Session, tenant: str, acl_ids: Collection[str]) -> frozenset[str]:
    """The sources of which something stands under one of the ACLs."""
    found: set[str] = set()
    for some in batches(sorted(acl_ids)):
        where = (AclContentRow.tenant == tenant, AclContentRow.acl_id.in_(some))
        found.update(session.scalars(select(AclContentRow.source).where(*where).distinct()))
    return frozenset(found)


@prepared
def _confirmations() -> Select[str, datetime]:
    return select(AclSyncRow.name, AclSyncRow.closes_at).where(AclSyncRow.tenant == _TENANT)


@prepared
def _statement(shape: _Shape) -> CompoundSelect[Any, Any, Any]:
    """The ACLs reached; and, without an ACL, the earliest expiry of the entries considered."""
    named = _named(shape)
    # "because" is empty, or whose ACLs are too old; it travels down the tree like an effect.
    seeds: list[Select[Any, Any, Any]] = [
        select(named.c.acl_id, named.c.effect, literal_column("''", String).label("because"))
    ]
    if shape.purpose:
        seeds.append(_other_purposes())
    if shape.closing:
        seeds.append(_too_old())
    start = union(*seeds).subquery("start") if len(seeds) > 1 else seeds[0].subquery("start")
    spread = select(start.c.acl_id, start.c.effect, start.c.because).cte("spread", recursive=True)
    child = aliased(AclRow)
    spread = spread.union(
        select(child.id, spread.c.effect, spread.c.because)
        .select_from(
            onwards(
                spread, child, and_(child.tenant == _TENANT, child.parent_id == spread.c.acl_id)
            )
        )
        .where(child.inherit)
    )
    reached = (
        select(
            spread.c.acl_id,
            func.max(spread.c.because).label("because"),
            null().cast(BigInteger).label("expiry"),
        )
        .group_by(spread.c.acl_id)
        # Deny wins wherever it stands in the chain: one reaching deny removes the ACL.
        .having(_count(spread, "deny") == 0, _count(spread, "allow") > 0)
    )
    # In the same statement, so that the closure is walked once.
    expiry = select(null(), null(), func.min(named.c.expires_at, type_=BigInteger))
    return union_all(reached, expiry)


def _count(spread: CTE, effect: str) -> Any:
    return func.sum(case((spread.c.effect == effect, 1), else_=0))


def _named(shape: _Shape) -> CTE:
    """The unexpired entries that name the principal; allows only by way of what is enabled."""
    closure = _closure(shape)
    who = _with_everyone(closure)
    unexpired = or_(AclEntryRow.expires_at.is_(None), AclEntryRow.expires_at > _NOW)
    columns = (AclEntryRow.acl_id, AclEntryRow.effect, AclEntryRow.expires_at)
    of_them = and_(AclEntryRow.tenant == _TENANT, AclEntryRow.principal == who.c.principal)
    by_directory = (
        select(*columns)
        .select_from(onwards(who, AclEntryRow, of_them))
        .where(
            unexpired,
            or_(AclEntryRow.effect == "deny", who.c.live),
        )
    )
    if not shape.asserted:
        return by_directory.cte("named")
    # A group the directory does not know cannot be allowed anything, but it can be refused.
    by_token = select(*columns).where(
        AclEntryRow.tenant == _TENANT,
        AclEntryRow.principal.in_(_ASSERTED),
        AclEntryRow.effect == "deny",
        unexpired,
        exists(select(closure.c.principal)),
    )
    return union(by_directory, by_token).cte("named")


def _closure(shape: _Shape) -> CTE:
    """The asking principal and every group reached, each with whether the way there is enabled."""
    subject = select(PrincipalRow.principal, true().label("live")).where(
        PrincipalRow.tenant == _TENANT, PrincipalRow.principal == _ASKING, PrincipalRow.enabled
    )
    start = subject
    if shape.asserted:
        known = aliased(PrincipalRow)
        vouched = select(known.principal, known.enabled.label("live")).where(
            known.tenant == _TENANT,
            known.principal.in_(_ASSERTED),
            exists(subject),  # whoever is switched off is in no group, whatever the token says
        )
        both = union(subject, vouched).subquery("asking")
        start = select(both.c.principal, both.c.live)
    closure = start.cte("closure", recursive=True)
    group = aliased(PrincipalRow)
    live = type_coerce(and_(closure.c.live, group.enabled), Boolean).label("live")
    of_it = and_(MembershipRow.tenant == _TENANT, MembershipRow.member == closure.c.principal)
    upwards = onwards(
        onwards(closure, MembershipRow, of_it),
        group,
        and_(group.tenant == MembershipRow.tenant, group.principal == MembershipRow.grp),
    )
    step = select(MembershipRow.grp, live).select_from(upwards)
    if not shape.directory:
        step = step.where(closure.c.principal != _ASKING)
    # UNION, not UNION ALL: a pair already reached is not expanded again, so cycles end.
    return closure.union(step)


def _with_everyone(closure: CTE) -> CTE:
    """The closure and 'everyone', which is a principal like the others: it can be switched off."""
    everyone = select(PrincipalRow.principal, PrincipalRow.enabled.label("live")).where(
        PrincipalRow.tenant == _TENANT,
        PrincipalRow.principal == str(EVERYONE),
        exists(select(closure.c.principal)),
    )
    return select(closure.c.principal, closure.c.live).union(everyone).cte("who")


def _other_purposes() -> Select[Any, Any, Any]:
    """A deny on every ACL that states purposes, but not the token's."""
    other = aliased(AclPurposeRow)
    allowed = exists().where(
        other.tenant == AclPurposeRow.tenant,
        other.acl_id == AclPurposeRow.acl_id,
        other.purpose == bindparam("purpose", type_=String),
    )
    return select(AclPurposeRow.acl_id, literal("deny"), literal_column("''", String)).where(
        AclPurposeRow.tenant == _TENANT, ~allowed
    )


def _too_old() -> Select[Any, Any, Any]:
    """A mark on every ACL whose keeper has not confirmed it in time."""
    return (
        select(AclRow.id, literal("closed"), AclSyncRow.name)
        .join(
            AclSyncRow,
            and_(AclSyncRow.tenant == AclRow.tenant, AclSyncRow.name == AclRow.managed_by),
        )
        .where(AclRow.tenant == _TENANT, AclSyncRow.closes_at <= _NOW)
    )
